//! What the zone contains: names, and the records that are the same for everyone.

mod node;

#[allow(unused_imports)]
pub(crate) use node::{Cut, Found, Node};

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc};

use hickory_proto::{
    rr::{
        LowerName, Name, RData, Record,
        rdata::{NS, SOA},
    },
    serialize::binary::BinEncodable,
};
use perigee_dns_wire::{Name as WireName, RrSet, rtype};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    config::{Config, NameServer, Soa},
    policy::Policy,
};

/// TTL, in seconds, of SOA, NS, HINFO and the addresses of name servers.
pub(crate) const INFRASTRUCTURE_TTL: u32 = 3_600;

/// The zone, ready to be looked up in.
#[derive(Debug)]
pub struct Zone {
    origin: LowerName,
    serial: u32,
    /// As answered to a question for it.
    pub(crate) soa: Record,
    /// As it stands in the authority section of NXDOMAIN and NODATA (RFC 2308 section 5).
    pub(crate) negative_soa: Record,
    pub(crate) name_servers: Vec<Record>,
    /// Addresses of the name servers that are inside the zone.
    pub(crate) glue: Vec<Record>,
    names: HashMap<LowerName, Entry>,
    /// As they go on the wire.
    nodes: HashMap<WireName, Node>,
    apex: WireName,
}

/// What there is at a name. With nothing in it, it is an empty non-terminal (RFC 8499).
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) is_apex: bool,
    pub(crate) service: Option<ZoneService>,
    /// Addresses of a name server.
    pub(crate) addresses: Vec<IpAddr>,
}

/// A name that is answered with edges.
#[derive(Clone, Debug)]
pub(crate) struct ZoneService {
    pub(crate) ttl: u32,
    pub(crate) answers: usize,
    /// Whether the order of edges changes with time, in place of being stable for a network.
    pub(crate) rotate: bool,
    /// Which PoPs serve whom.
    pub(crate) policy: Arc<Policy>,
    /// What the order of edges is derived from: the same on every name server of the CDN.
    pub(crate) seed: u64,
}

/// Why a zone cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError(pub String);

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ZoneError {}

impl Entry {
    pub(crate) fn is_empty_non_terminal(&self) -> bool {
        !self.is_apex && self.service.is_none() && self.addresses.is_empty()
    }
}

impl Zone {
    /// Builds the zone of `config`.
    ///
    /// # Errors
    /// [`ZoneError`] names what is not a domain name, not in the zone, or there twice.
    pub fn build(config: &Config) -> Result<Self, ZoneError> {
        let apex = parse_name("zone", &config.zone)?;
        let (soa, negative_soa) = soa_records(&apex, &config.soa, &config.name_servers)?;
        let mut zone = Zone {
            origin: LowerName::new(&apex),
            serial: config.soa.serial,
            soa,
            negative_soa,
            name_servers: Vec::new(),
            glue: Vec::new(),
            names: HashMap::new(),
            nodes: HashMap::new(),
            apex: wire(&apex),
        };
        zone.entry(&apex).is_apex = true;
        for server in &config.name_servers {
            zone.add_name_server(&apex, server)?;
        }
        let nearest = Arc::new(Policy::nearest(config.pops.len()));
        for service in &config.services {
            let name = zone.own_name("service", &service.name)?;
            let seed = xxh3_64(name.to_lowercase().to_ascii().as_bytes());
            let entry = zone.entry(&name);
            if entry.service.is_some() || !entry.addresses.is_empty() {
                return Err(ZoneError(format!(
                    "service {name} is there twice, or is also a name server; give it one meaning"
                )));
            }
            entry.service = Some(ZoneService {
                ttl: service.ttl,
                answers: service.answers.max(1),
                rotate: false,
                policy: Arc::clone(&nearest),
                seed,
            });
        }
        zone.index();
        Ok(zone)
    }

    /// What there is at a name in wire form and lower case.
    #[allow(dead_code)]
    pub(crate) fn lookup(&self, name: &[u8]) -> Found<'_> {
        if !name.ends_with(&self.apex) {
            return Found::Outside;
        }
        self.nodes
            .get(name)
            .map_or(Found::Missing, |node| Found::Node {
                node,
                wildcard: None,
            })
    }

    /// Makes the nodes of what was collected.
    fn index(&mut self) {
        for (name, entry) in &self.names {
            let mut node = Node::new(wire(name), entry.is_apex);
            node.service = entry.service.clone();
            if entry.is_apex {
                let ns = self.name_servers.iter().map(data);
                node.rrsets = vec![
                    RrSet::new(rtype::SOA, self.soa.ttl, [data(&self.soa)]),
                    RrSet::new(rtype::NS, INFRASTRUCTURE_TTL, ns),
                ];
            }
            let v4 = entry.addresses.iter().filter_map(|address| match address {
                IpAddr::V4(v4) => Some(v4.octets().to_vec()),
                IpAddr::V6(_) => None,
            });
            let v6 = entry.addresses.iter().filter_map(|address| match address {
                IpAddr::V4(_) => None,
                IpAddr::V6(v6) => Some(v6.octets().to_vec()),
            });
            let sets = [
                RrSet::new(rtype::A, INFRASTRUCTURE_TTL, v4),
                RrSet::new(rtype::AAAA, INFRASTRUCTURE_TTL, v6),
            ];
            let sets = sets.into_iter().filter(|set| set.rdata().len() > 0);
            node.rrsets.extend(sets);
            self.nodes.insert(node.name.clone(), node);
        }
    }

    /// The version of the zone.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Whether a name is the zone's apex or below it.
    pub(crate) fn contains(&self, name: &LowerName) -> bool {
        self.origin.zone_of(name)
    }

    /// What there is at a name; `None` is NXDOMAIN for a name inside the zone.
    pub(crate) fn find(&self, name: &LowerName) -> Option<&Entry> {
        self.names.get(name)
    }

    fn add_name_server(&mut self, apex: &Name, server: &NameServer) -> Result<(), ZoneError> {
        let name = parse_name("name server", &server.name)?;
        let ns = RData::NS(NS(name.clone()));
        self.name_servers
            .push(Record::from_rdata(apex.clone(), INFRASTRUCTURE_TTL, ns));
        if !self.contains(&LowerName::new(&name)) {
            return Ok(());
        }
        for &address in &server.addresses {
            self.glue
                .push(address_record(name.clone(), INFRASTRUCTURE_TTL, address));
        }
        self.entry(&name).addresses.extend(&server.addresses);
        Ok(())
    }

    /// The entry of a name inside the zone, with an empty non-terminal for each name between
    /// it and the apex.
    fn entry(&mut self, name: &Name) -> &mut Entry {
        let mut between = name.base_name();
        while self.contains(&LowerName::new(&between)) && !between.is_root() {
            self.names.entry(LowerName::new(&between)).or_default();
            between = between.base_name();
        }
        self.names.entry(LowerName::new(name)).or_default()
    }

    fn own_name(&self, what: &str, text: &str) -> Result<Name, ZoneError> {
        let name = parse_name(what, text)?;
        if self.contains(&LowerName::new(&name)) {
            return Ok(name);
        }
        Err(ZoneError(format!(
            "{what} {name} is not inside the zone {}; its name must end in it",
            self.origin
        )))
    }
}

/// A name in wire form.
fn wire(name: &Name) -> WireName {
    let octets = name.to_lowercase().to_bytes().unwrap_or_default();
    WireName::from_wire(&octets).unwrap_or_else(WireName::root)
}

/// The data of a record, uncompressed.
fn data(record: &Record) -> Vec<u8> {
    record.data.to_bytes().unwrap_or_default()
}

/// An A or AAAA record.
pub(crate) fn address_record(name: Name, ttl: u32, address: IpAddr) -> Record {
    let data = match address {
        IpAddr::V4(v4) => RData::A(v4.into()),
        IpAddr::V6(v6) => RData::AAAA(v6.into()),
    };
    Record::from_rdata(name, ttl, data)
}

/// The SOA record for answers, and for negative answers.
fn soa_records(
    apex: &Name,
    soa: &Soa,
    name_servers: &[NameServer],
) -> Result<(Record, Record), ZoneError> {
    let primary = name_servers.first().ok_or_else(|| {
        ZoneError("a zone needs at least one name server, for its NS and SOA records".to_owned())
    })?;
    // RFC 2181 section 8: times are 31 bits.
    let seconds = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let data = SOA::new(
        parse_name("name server", &primary.name)?,
        parse_name("rname", &soa.rname)?,
        soa.serial,
        seconds(soa.refresh),
        seconds(soa.retry),
        seconds(soa.expire),
        soa.negative_ttl,
    );
    let negative_ttl = INFRASTRUCTURE_TTL.min(soa.negative_ttl);
    let record = |ttl: u32| Record::from_rdata(apex.clone(), ttl, RData::SOA(data.clone()));
    Ok((record(INFRASTRUCTURE_TTL), record(negative_ttl)))
}

fn parse_name(what: &str, text: &str) -> Result<Name, ZoneError> {
    let mut name = Name::from_ascii(text)
        .map_err(|e| ZoneError(format!("{what} {text:?} is not a domain name: {e}")))?;
    if name.is_root() || text.trim().is_empty() {
        return Err(ZoneError(format!("{what} {text:?} is empty")));
    }
    name.set_fqdn(true);
    Ok(name)
}
