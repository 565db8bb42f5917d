//! From what people wrote to the zone that is looked up in.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use perigee_dns_wire::{Name, RrSet, rtype};

use super::{
    Cut, INFRASTRUCTURE_TTL, Node, Zone, ZoneError, ZoneParts, ZoneService,
    check::{self, Cuts, Spot, is_within},
    record::{Record, Source},
    text,
    tree::Tree,
};
use crate::config::{NameServer, Soa};

/// What a zone is made of.
pub(super) struct Builder {
    apex: Name,
    spots: BTreeMap<Name, Spot>,
}

impl Builder {
    /// Of all but the services, with the text of the zone file.
    pub(super) fn new(parts: &ZoneParts<'_>, text: &str) -> Result<Self, ZoneError> {
        let apex = name_of("zone", parts.zone)?;
        if apex.labels() == 0 {
            return Err(own(format!("zone {:?} is empty", parts.zone)));
        }
        let spots = BTreeMap::from([(apex.clone(), Spot::default())]);
        let mut builder = Builder { apex, spots };
        for record in text::parse(text, &builder.apex)? {
            builder.add(record)?;
        }
        for (place, record) in parts.contents.records.iter().enumerate() {
            for record in text::records(&builder.apex, place, record)? {
                builder.add(record)?;
            }
        }
        builder.add_name_servers(parts.name_servers)?;
        builder.add_soa(parts.soa)?;
        Ok(builder)
    }

    fn add(&mut self, record: Record) -> Result<(), ZoneError> {
        if !is_within(&record.name, &self.apex) {
            let (name, apex) = (&record.name, &self.apex);
            return Err(ZoneError::new(
                record.from,
                format!("{name} is not inside the zone {apex}; its name must end in it"),
            ));
        }
        let spot = self.spots.entry(record.name.clone()).or_default();
        spot.sets.entry(record.rtype).or_default().push(record);
        Ok(())
    }

    /// NS records of the name servers, and the addresses of those that are inside the zone.
    fn add_name_servers(&mut self, servers: &[NameServer]) -> Result<(), ZoneError> {
        for server in servers {
            let name = name_of("name server", &server.name)?;
            let apex = self.apex.clone();
            self.add_own(apex, rtype::NS, name.to_vec())?;
            if !is_within(&name, &self.apex) {
                continue;
            }
            for address in &server.addresses {
                match address {
                    IpAddr::V4(v4) => self.add_own(name.clone(), rtype::A, v4.octets().into())?,
                    IpAddr::V6(v6) => {
                        self.add_own(name.clone(), rtype::AAAA, v6.octets().into())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A record that follows from other tables: where people wrote records of its name and type, it
    /// has the TTL of those.
    fn add_own(&mut self, name: Name, rtype: u16, rdata: Vec<u8>) -> Result<(), ZoneError> {
        let written = self.spots.get(&name).and_then(|spot| spot.sets.get(&rtype));
        let ttl = written.and_then(|set| Some(set.first()?.ttl));
        self.add(Record {
            name,
            rtype,
            ttl: ttl.unwrap_or(INFRASTRUCTURE_TTL),
            rdata,
            from: Source::Own,
        })
    }

    /// The SOA record, unless the zone file has one: that stands but for a serial number of 0, in
    /// whose place the other one comes.
    fn add_soa(&mut self, soa: &Soa) -> Result<(), ZoneError> {
        let top = self.spots.entry(self.apex.clone()).or_default();
        if let Some(record) = top
            .sets
            .get_mut(&rtype::SOA)
            .and_then(|set| set.first_mut())
        {
            if serial_of(&record.rdata) == 0 {
                set_serial(&mut record.rdata, soa.serial);
            }
            return Ok(());
        }
        let servers = top.sets.get(&rtype::NS);
        let primary = servers.and_then(|set| set.iter().find(|r| r.from == Source::Own));
        let primary = primary.or(servers.and_then(|set| set.first()));
        let primary = primary.ok_or_else(|| {
            own("a zone needs at least one name server, for its NS and SOA records")
        })?;
        let mut rdata = primary.rdata.clone();
        rdata.extend_from_slice(&name_of("rname", &soa.rname)?);
        // RFC 2181 section 8: times are 31 bits.
        let seconds = |value: u32| value.min(i32::MAX as u32);
        for number in [
            soa.serial,
            seconds(soa.refresh),
            seconds(soa.retry),
            seconds(soa.expire),
            seconds(soa.negative_ttl),
        ] {
            rdata.extend_from_slice(&number.to_be_bytes());
        }
        let apex = self.apex.clone();
        self.add_own(apex, rtype::SOA, rdata)
    }

    /// The name of a service, which stands at this place among them.
    pub(super) fn add_service(&mut self, place: usize, name: &str) -> Result<Name, ZoneError> {
        let from = Source::Service(place);
        let name = name_of("service", name)?;
        if !is_within(&name, &self.apex) {
            let apex = &self.apex;
            let what =
                format!("service {name} is not inside the zone {apex}; its name must end in it");
            return Err(ZoneError::new(from, what));
        }
        let spot = self.spots.entry(name.clone()).or_default();
        if spot.service.is_some() {
            let what = format!("service {name} is there twice; leave one out");
            return Err(ZoneError::new(from, what));
        }
        spot.service = Some(from);
        Ok(name)
    }

    /// Where the zone ends, if all of it goes together.
    pub(super) fn check(&self) -> Result<Cuts, ZoneError> {
        let cuts = Cuts::of(&self.apex, &self.spots);
        check::check(&self.apex, &self.spots, &cuts)?;
        Ok(cuts)
    }

    /// The zone, with what its services are.
    pub(super) fn finish(
        self,
        mut services: HashMap<Name, ZoneService>,
    ) -> Result<Zone, ZoneError> {
        let cuts = self.check()?;
        let mut nodes = HashMap::new();
        let mut delegations = Vec::new();
        for (name, spot) in &self.spots {
            let cut = cuts.above(name);
            // What is below a cut is glue, but the names above the cut are there.
            between(&self.apex, cut.unwrap_or(name), &mut nodes);
            match cut {
                Some(cut) if cut == name => delegations.extend(self.delegation(name, spot)),
                Some(_) => {}
                None => {
                    let node = nodes.entry(name.clone());
                    let node = node.or_insert_with(|| Node::new(name.clone(), false));
                    node.is_apex = *name == self.apex;
                    node.rrsets = spot.sets.values().filter_map(|set| rrset(set)).collect();
                    node.service = services.remove(name);
                }
            }
        }
        Zone::of(Tree::new(&self.apex, nodes, delegations))
    }

    fn delegation(&self, name: &Name, spot: &Spot) -> Option<Cut> {
        let set = |rtype| spot.sets.get(&rtype).and_then(|set| rrset(set));
        let ns = set(rtype::NS)?;
        let mut glue = Vec::new();
        for target in ns.rdata().filter_map(Name::from_wire) {
            let Some(at) = self.spots.get(&target) else {
                continue;
            };
            for rtype in [rtype::A, rtype::AAAA] {
                let addresses = at.sets.get(&rtype).and_then(|set| rrset(set));
                glue.extend(addresses.map(|set| (target.clone(), set)));
            }
        }
        Some(Cut {
            name: name.clone(),
            ds: set(rtype::DS),
            ns,
            glue,
        })
    }
}

/// Empty non-terminals from a name up to the apex.
fn between(apex: &Name, name: &Name, nodes: &mut HashMap<Name, Node>) {
    let mut above = name.parent();
    while let Some(name) = above.filter(|above| is_within(above, apex)) {
        above = name.parent();
        if nodes.contains_key(&name) {
            return;
        }
        nodes.insert(name.clone(), Node::new(name, false));
    }
}

fn rrset(records: &[Record]) -> Option<RrSet> {
    let first = records.first()?;
    let data = records.iter().map(|record| record.rdata.clone());
    Some(RrSet::new(first.rtype, first.ttl, data))
}

/// The name that a text is.
fn name_of(what: &str, text: &str) -> Result<Name, ZoneError> {
    text.parse()
        .map_err(|why| own(format!("{what} {text:?} is not a domain name: {why}")))
}

fn own(what: impl Into<String>) -> ZoneError {
    ZoneError::new(Source::Own, what)
}

/// The place of the serial number in the data of a SOA record: five numbers of 32 bits are its end.
fn serial_at(soa: &[u8]) -> Option<std::ops::Range<usize>> {
    let at = soa.len().checked_sub(20)?;
    Some(at..at + 4)
}

/// The serial number in the data of a SOA record.
pub(super) fn serial_of(soa: &[u8]) -> u32 {
    let octets = serial_at(soa).and_then(|at| soa.get(at)?.try_into().ok());
    octets.map_or(0, u32::from_be_bytes)
}

fn set_serial(soa: &mut [u8], serial: u32) {
    if let Some(to) = serial_at(soa).and_then(|at| soa.get_mut(at)) {
        to.copy_from_slice(&serial.to_be_bytes());
    }
}
