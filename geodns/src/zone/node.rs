//! What there is at a name, as it goes on the wire.

use std::sync::Arc;

use perigee_dns_wire::{Name, RrSet, rtype};

use super::{ZoneService, hints};

/// What the zone says of a name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'z> {
    /// The name is not in the zone.
    Outside,
    /// The name is there, perhaps because a wildcard makes it (RFC 4592).
    Node {
        node: &'z Node,
        /// The wildcard that it is made by: `*.cdn.example`.
        wildcard: Option<&'z Name>,
    },
    /// The name is at or below a delegation to others.
    Delegated(&'z Cut),
    /// There is no such name.
    Missing,
}

/// A name and its records. With nothing in it, it is an empty non-terminal (RFC 8499).
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) is_apex: bool,
    /// The records that are the same for everyone, one set for each type.
    pub(crate) rrsets: Vec<RrSet>,
    /// What A and AAAA (and the hints of HTTPS) are chosen by.
    pub(crate) service: Option<ZoneService>,
    /// What makes the names directly or deeper below it that are not there.
    pub(super) wildcard: Option<Arc<Node>>,
}

/// A delegation (RFC 1034 section 4.2).
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) name: Name,
    pub(crate) ns: RrSet,
    /// Says that the child is signed (RFC 4034 section 5).
    pub(crate) ds: Option<RrSet>,
    /// Addresses of those name servers that are in the zone or below one of its cuts: what nobody
    /// else could tell, and what helps.
    pub(crate) glue: Vec<(Name, RrSet)>,
}

impl Node {
    pub(crate) fn new(name: Name, is_apex: bool) -> Self {
        Node {
            name,
            is_apex,
            rrsets: Vec::new(),
            service: None,
            wildcard: None,
        }
    }

    /// The records of a type.
    pub(crate) fn rrset(&self, rtype: u16) -> Option<&RrSet> {
        self.rrsets.iter().find(|set| set.rtype == rtype)
    }

    /// A set whose hints are what the service of the name is answered with, and that service.
    pub(crate) fn hinted(&self, set: &RrSet) -> Option<&ZoneService> {
        let is_https = matches!(set.rtype, rtype::HTTPS | rtype::SVCB);
        let service = self.service.as_ref().filter(|_| is_https)?;
        set.rdata().any(hints::are_open).then_some(service)
    }

    pub(crate) fn is_empty_non_terminal(&self) -> bool {
        self.rrsets.is_empty() && self.service.is_none()
    }
}
