//! The zone as others can have it: the same for everyone, whatever is known of the edges' health.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::UNIX_EPOCH,
};

use ipnet::IpNet;
use perigee_dns_wire::{Name, RrSet, rtype};
use tracing::warn;

use crate::{
    config::Config,
    place::Places,
    policy::{Client, Memo, choose},
    snapshot::{Family, Snapshot},
    zone::{Zone, ZoneError, ZoneService, fill},
};

/// A copy of the zone, and who may have it.
#[derive(Debug)]
pub(crate) struct ZoneCopy {
    pub(super) apex: Name,
    pub(super) soa: RrSet,
    /// All else, in the order of names.
    pub(super) records: Vec<(Name, RrSet)>,
    pub(super) serial: u32,
    pub(super) notify: Vec<SocketAddr>,
    /// What it is listened on, so that secondaries know who tells them.
    pub(super) listen: Vec<SocketAddr>,
    transfer_to: Vec<IpNet>,
}

/// Reads the zone. If it is another one than before, its serial number is greater.
///
/// # Errors
/// [`ZoneError`] if the zone cannot be built.
pub(crate) fn load(
    config: &Config,
    places: &Arc<Places>,
    before: Option<&ZoneCopy>,
) -> Result<(Arc<Zone>, ZoneCopy), ZoneError> {
    let (zone, copy) = read(config, places)?;
    let Some(before) = before.filter(|before| before.is_superseded_without_notice(&copy)) else {
        return Ok((zone, copy));
    };
    if config.contents.serial_is_time {
        // Within the second of the change before.
        let mut config = config.clone();
        config.soa.serial = before.serial.wrapping_add(1);
        let (zone, copy) = read(&config, places)?;
        if !before.is_superseded_without_notice(&copy) {
            return Ok((zone, copy));
        }
    }
    warn!(
        serial = copy.serial,
        before = before.serial,
        "the zone has changed, but its serial number does not count up: secondaries will not notice; \
         raise the serial number of the SOA record"
    );
    Ok((zone, copy))
}

fn read(config: &Config, places: &Arc<Places>) -> Result<(Arc<Zone>, ZoneCopy), ZoneError> {
    let zone = Arc::new(Zone::load(config)?);
    let healthy = Snapshot::new(config, Arc::clone(&zone), Arc::clone(places), &[]);
    let copy = ZoneCopy::new(config, &healthy)?;
    Ok((zone, copy))
}

impl ZoneCopy {
    /// Of a snapshot in which all edges are healthy.
    pub(crate) fn new(config: &Config, healthy: &Snapshot) -> Result<Self, ZoneError> {
        let zone = &healthy.zone;
        let apex = zone.apex();
        let mut records = Vec::new();
        for node in zone.nodes() {
            let usual = node
                .service
                .as_ref()
                .map(|service| Usual::of(healthy, service));
            for set in node.rrsets.iter().filter(|set| set.rtype != rtype::SOA) {
                let set = match usual.as_ref().filter(|_| node.hinted(set).is_some()) {
                    Some(usual) => usual.hinted(set),
                    None => set.clone(),
                };
                records.push((node.name.clone(), set));
            }
            let sets = usual.map(Usual::sets).into_iter().flatten();
            records.extend(sets.map(|set| (node.name.clone(), set)));
        }
        for cut in zone.cuts() {
            let sets = [Some(&cut.ns), cut.ds.as_ref()].into_iter().flatten();
            records.extend(sets.map(|set| (cut.name.clone(), set.clone())));
            records.extend(cut.glue.iter().cloned());
        }
        records.sort_by(|(a, of_a), (b, of_b)| (a, of_a.rtype).cmp(&(b, of_b.rtype)));
        // Two cuts may have the same name server; one that is in the zone by itself is no glue.
        records.dedup();
        Ok(ZoneCopy {
            soa: zone.soa()?.clone(),
            apex: apex.name.clone(),
            records,
            serial: zone.serial(),
            notify: config.contents.notify.clone(),
            listen: config.listen.clone(),
            transfer_to: config.contents.transfer_to.clone(),
        })
    }

    /// Whether who is there may have the copy.
    pub(crate) fn is_for(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.transfer_to.iter().any(|net| net.contains(&address))
    }

    /// Whether a newer one differs, but would not be taken for newer (RFC 1982).
    fn is_superseded_without_notice(&self, new: &ZoneCopy) -> bool {
        let is_newer = (new.serial.wrapping_sub(self.serial) as i32) > 0;
        let is_same = self.apex == new.apex && self.records == new.records;
        !is_newer && !is_same && self.apex == new.apex
    }
}

/// What clients of unknown place get.
struct Usual {
    ttl: u32,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
}

impl Usual {
    fn of(healthy: &Snapshot, service: &ZoneService) -> Self {
        let chosen = |family| {
            let mut memo = Memo::none();
            let client = Client::Withheld;
            choose(healthy, service, family, client, UNIX_EPOCH, &mut memo)
        };
        let (v4, v6) = (chosen(Family::V4), chosen(Family::V6));
        Usual {
            ttl: v4.ttl.min(v6.ttl),
            v4: v4.addresses.iter().collect(),
            v6: v6.addresses.iter().collect(),
        }
    }

    fn sets(self) -> impl Iterator<Item = RrSet> {
        let octets = |address: &IpAddr| match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let families = [(rtype::A, &self.v4), (rtype::AAAA, &self.v6)];
        let sets = families.map(|(rtype, all)| RrSet::new(rtype, self.ttl, all.iter().map(octets)));
        sets.into_iter().filter(|set| set.rdata().len() > 0)
    }

    fn hinted(&self, set: &RrSet) -> RrSet {
        let filled = set
            .rdata()
            .map(|data| fill(data, &self.v4, &self.v6).to_vec());
        RrSet::new(set.rtype, set.ttl.min(self.ttl), filled)
    }
}
