//! What may stand in the file: one type per table, the documentation of each key beside it.
//! The defaults come from the rooms that own them.

mod cache;
mod cache_key;
mod cache_rules;
mod cdn;
mod disk;
mod dns;
mod endpoint;
mod limits;
mod membership;
mod node_ref;
mod nodes;
mod operations;
mod origin_pool;
mod purge;
mod request_fields;
mod ring;
mod services;
#[cfg(test)]
mod tests;

pub(crate) use cache::Cache;
pub(crate) use cache_key::CacheKey;
pub(crate) use cdn::{Admin, Cdn};
pub(crate) use disk::{Disk, Size as DiskSize};
pub(crate) use dns::{Dns, DnsRecord, Dnssec, Network, Policy, PolicyRule, Pop, Unknown};
pub(crate) use endpoint::{OriginLimits, Tier};
pub(crate) use limits::{HeadBytes, Limits, MemorySize, Storage};
pub(crate) use membership::Membership;
pub(crate) use node_ref::NodeRef;
pub(crate) use nodes::{Edge, GeoDns, Shield, Weight};
pub(crate) use operations::{Health, Log, Reload, Shutdown};
pub(crate) use origin_pool::OriginPool;
pub(crate) use purge::Purge;
pub(crate) use request_fields::RequestFields;
pub(crate) use ring::Ring;
pub(crate) use services::{Certificate, Service};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::at::At;

/// The configuration of a whole CDN, read by every node of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "cdn.toml", rename = "File")]
pub(crate) struct File {
    /// What concerns the whole CDN.
    pub(crate) cdn: Cdn,
    /// Where nodes register and find each other, so that this file need not name them all. A file
    /// with it may leave out what was applied (`perigee apply`).
    pub(crate) membership: Option<At<Membership>>,
    /// The zone that the GeoDNS nodes answer for. Needed if there are any.
    pub(crate) dns: Option<At<Dns>>,
    /// Points of presence: the places where edges stand. Where nothing is known of a client's
    /// place, the first one is nearest.
    pub(crate) pops: Vec<Pop>,
    /// The edges: caches that clients ask.
    pub(crate) edges: Vec<Edge>,
    /// The shields: caches between the edges and the origins.
    pub(crate) shields: Vec<Shield>,
    /// The name servers.
    pub(crate) geodns: Vec<GeoDns>,
    /// The delivery services: which hosts are served, from where, under which policy.
    pub(crate) services: Vec<Service>,
    /// Certificates for `tls_listen`. The first one serves clients that name no host or an
    /// unknown one.
    pub(crate) certificates: Vec<Certificate>,
    /// Where each edge and shield keeps responses.
    pub(crate) storage: Storage,
    /// Limits of each edge and shield on those who ask it.
    pub(crate) limits: Limits,
    /// Limits on the connections from edges to other edges and to shields, per node asked.
    pub(crate) tier: Tier,
    /// How the edges of a PoP share the content out.
    pub(crate) ring: Ring,
    /// How nodes watch each other.
    pub(crate) health: Health,
    /// How nodes learn of what was purged while they could not be reached.
    pub(crate) purge: Purge,
    /// How a node stops.
    pub(crate) shutdown: Shutdown,
    /// The admin API of each node.
    pub(crate) admin: Admin,
    /// Logs.
    pub(crate) log: Log,
    /// How a changed file is noticed.
    pub(crate) reload: Reload,
}
