//! The zone as hickory's types have it, for as long as answers are made of these.

use std::{collections::HashMap, net::IpAddr};

use hickory_proto::{
    rr::{LowerName, Name, RData, Record, RecordType},
    serialize::binary::{BinDecodable, BinDecoder, Restrict},
};
use perigee_dns_wire::{RrSet, rtype};

use super::{
    Node, ZoneService,
    tree::{Place, Tree},
};

/// The zone, for `answer`.
#[derive(Debug)]
pub(crate) struct Legacy {
    origin: LowerName,
    /// As answered to a question for it.
    pub(crate) soa: Record,
    /// As it stands in the authority section of NXDOMAIN and NODATA (RFC 2308 section 5).
    pub(crate) negative_soa: Record,
    pub(crate) name_servers: Vec<Record>,
    /// Addresses of the name servers that are inside the zone.
    pub(crate) glue: Vec<Record>,
    names: HashMap<LowerName, Entry>,
}

/// What there is at a name. With nothing in it, it is an empty non-terminal (RFC 8499).
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) is_apex: bool,
    pub(crate) service: Option<ZoneService>,
    /// Addresses of a name server.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Entry {
    pub(crate) fn is_empty_non_terminal(&self) -> bool {
        !self.is_apex && self.service.is_none() && self.addresses.is_empty()
    }
}

impl Legacy {
    pub(super) fn of(tree: &Tree, negative_soa: &RrSet) -> Option<Self> {
        let apex = name(&tree.apex().name)?;
        let ns = records(&apex, tree.apex().rrset(rtype::NS)?);
        let mut names = HashMap::new();
        let mut glue = Vec::new();
        for place in tree.places() {
            let Place::Node(node) = place else { continue };
            let owner = name(&node.name)?;
            let entry = Entry::of(&owner, node);
            let is_server =
                |record: &&Record| matches!(&record.data, RData::NS(ns) if ns.0 == owner);
            if ns.iter().any(|record| is_server(&record)) {
                let sets = [rtype::A, rtype::AAAA].map(|rtype| node.rrset(rtype));
                glue.extend(
                    sets.into_iter()
                        .flatten()
                        .flat_map(|set| records(&owner, set)),
                );
            }
            names.insert(LowerName::new(&owner), entry);
        }
        Some(Legacy {
            origin: LowerName::new(&apex),
            soa: records(&apex, tree.apex().rrset(rtype::SOA)?).pop()?,
            negative_soa: records(&apex, negative_soa).pop()?,
            name_servers: ns,
            glue,
            names,
        })
    }

    /// Whether a name is the zone's apex or below it.
    pub(crate) fn contains(&self, name: &LowerName) -> bool {
        self.origin.zone_of(name)
    }

    /// What there is at a name; `None` is NXDOMAIN for a name inside the zone.
    pub(crate) fn find(&self, name: &LowerName) -> Option<&Entry> {
        self.names.get(name)
    }
}

impl Entry {
    fn of(owner: &Name, node: &Node) -> Self {
        let sets = [rtype::A, rtype::AAAA].map(|rtype| node.rrset(rtype));
        let sets = sets.into_iter().flatten();
        let addresses = sets.flat_map(|set| records(owner, set));
        Entry {
            is_apex: node.is_apex,
            service: node.service.clone(),
            addresses: addresses
                .filter_map(|record| record.data.ip_addr())
                .collect(),
        }
    }
}

fn name(wire: &[u8]) -> Option<Name> {
    Name::from_bytes(wire).ok()
}

fn records(owner: &Name, set: &RrSet) -> Vec<Record> {
    let data = set.rdata().filter_map(|data| {
        let length = Restrict::new(data.len() as u16);
        let rtype = RecordType::from(set.rtype);
        RData::read(&mut BinDecoder::new(data), rtype, length).ok()
    });
    data.map(|data| Record::from_rdata(owner.clone(), set.ttl, data))
        .collect()
}
