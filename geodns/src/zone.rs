//! What the zone contains: names, and the records that are the same for everyone.

mod build;
mod check;
mod contents;
mod file;
mod hints;
mod node;
mod nowhere;
mod record;
mod text;
mod tree;

use std::{collections::HashMap, sync::Arc};

use perigee_dns_wire::{RrSet, rtype};
use xxhash_rust::xxh3::xxh3_64;

pub use contents::{Contents, RecordText, ZoneParts};
pub(crate) use hints::fill;
pub(crate) use node::{Cut, Found, Node};
pub use record::{Source, ZoneError};

use crate::{
    config::Config,
    policy::{Policies, Policy},
};
use build::{Builder, serial_of};
use tree::{Place, Tree};

/// TTL, in seconds, of SOA, NS, HINFO and the addresses of name servers.
pub(crate) const INFRASTRUCTURE_TTL: u32 = 3_600;

/// The zone, ready to be looked up in.
#[derive(Debug)]
pub struct Zone {
    tree: Tree,
    serial: u32,
    negative_soa: RrSet,
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

impl Zone {
    /// Builds the zone of `config`, the zone file apart.
    ///
    /// # Errors
    /// [`ZoneError`] names what is not a domain name, not in the zone, there twice, or does not go
    /// together.
    pub fn build(config: &Config) -> Result<Self, ZoneError> {
        Zone::with_file(config, "")
    }

    /// Builds the zone of `config`, with the text of its zone file.
    ///
    /// # Errors
    /// [`ZoneError`], with line and column of the zone file for what stands there.
    pub fn with_file(config: &Config, text: &str) -> Result<Self, ZoneError> {
        let path = config.contents.zone_file.as_ref();
        Zone::of_text(config, text).map_err(|error| ZoneError {
            file: path.map(|path| path.display().to_string()),
            ..error
        })
    }

    /// Looks whether a zone could be built of these, the zone file apart.
    ///
    /// # Errors
    /// As [`Zone::build`].
    pub fn check(parts: &ZoneParts<'_>) -> Result<(), ZoneError> {
        let mut builder = Builder::new(parts, "")?;
        for (place, name) in parts.services.iter().enumerate() {
            builder.add_service(place, name)?;
        }
        builder.check().map(drop)
    }

    fn of_text(config: &Config, text: &str) -> Result<Self, ZoneError> {
        let parts = ZoneParts {
            zone: &config.zone,
            soa: &config.soa,
            name_servers: &config.name_servers,
            services: &[],
            contents: &config.contents,
        };
        let mut builder = Builder::new(&parts, text)?;
        let own = |why| ZoneError::new(Source::Own, why);
        let policies = Policies::new(config).map_err(own)?;
        let mut services = HashMap::new();
        for (place, service) in config.services.iter().enumerate() {
            let name = builder.add_service(place, &service.name)?;
            let made = ZoneService {
                ttl: service.ttl,
                answers: service.answers.max(1),
                rotate: service.rotate,
                policy: policies.of(service).map_err(own)?,
                seed: xxh3_64(name.to_string().as_bytes()),
            };
            services.insert(name, made);
        }
        builder.finish(services)
    }

    fn of(tree: Tree) -> Result<Self, ZoneError> {
        let soa = soa(&tree)?;
        let data = soa.rdata().next().unwrap_or_default();
        // RFC 2308 section 5.
        let minimum = data
            .last_chunk()
            .map_or(0, |octets| u32::from_be_bytes(*octets));
        let negative_soa = RrSet::new(rtype::SOA, soa.ttl.min(minimum), [data.to_vec()]);
        Ok(Zone {
            serial: serial_of(data),
            negative_soa,
            tree,
        })
    }

    /// What there is at a name in wire form and lower case.
    pub(crate) fn lookup(&self, name: &[u8]) -> Found<'_> {
        self.tree.lookup(name)
    }

    /// The apex: SOA, NS and whatever else is there.
    pub(crate) fn apex(&self) -> &Node {
        self.tree.apex()
    }

    /// All names, but for those at and below a cut.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.tree.nodes()
    }

    /// SOA as it is answered.
    pub(crate) fn soa(&self) -> Result<&RrSet, ZoneError> {
        soa(&self.tree)
    }

    /// All delegations, in no order.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = &Cut> {
        self.tree.places().filter_map(|place| match place {
            Place::Node(_) => None,
            Place::Cut(cut) => Some(cut),
        })
    }

    /// SOA as it stands in the authority section of NXDOMAIN and NODATA (RFC 2308 section 5).
    pub(crate) fn negative_soa(&self) -> &RrSet {
        &self.negative_soa
    }

    /// Records that lead to a name of the zone where nothing is, for people.
    pub fn leads_nowhere(&self) -> Vec<String> {
        nowhere::of(self)
    }

    /// The version of the zone.
    pub fn serial(&self) -> u32 {
        self.serial
    }
}

fn soa(tree: &Tree) -> Result<&RrSet, ZoneError> {
    let soa = tree.apex().rrset(rtype::SOA);
    soa.ok_or_else(|| ZoneError::new(Source::Own, "the zone has no SOA record"))
}

#[cfg(test)]
mod tests;
