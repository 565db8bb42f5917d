//! `[[edges]]`, `[[shields]]` and `[[geodns]]`: the nodes and their addresses.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    at::At,
    units::{Address, Count, DnsName, Ip4, Ip6, Name, OneOrMore, Whole},
};

/// An edge: a cache that clients ask.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edge {
    /// Its name, unique among all nodes: what it is started with, and its token in Cache-Status,
    /// Via and CDN-Loop.
    pub(crate) name: At<Name>,
    /// The PoP that it stands in.
    pub(crate) pop: At<Name>,
    /// Addresses for HTTP without TLS. Without `tier_listen` other nodes ask here too.
    pub(crate) listen: OneOrMore<At<Address>>,
    /// Addresses for HTTPS. Need `[[certificates]]`.
    #[serde(default)]
    pub(crate) tls_listen: Vec<At<Address>>,
    /// The IPv4 address that clients are told in A records. Default: the first one in `listen`
    /// and `tls_listen`, if it is not 0.0.0.0.
    pub(crate) address: Option<At<Ip4>>,
    /// The IPv6 address that clients are told in AAAA records. Default: the first one in `listen`
    /// and `tls_listen`, if it is not `::`.
    pub(crate) address6: Option<At<Ip6>>,
    /// Addresses for other nodes alone, over TLS if `trust` of `[tier]` is `mtls`. With them, nothing
    /// that comes to other addresses is believed to come from a node. Changed by a restart only.
    #[serde(default)]
    pub(crate) tier_listen: Vec<At<Address>>,
    /// Where other nodes reach it. Default: the first address of `tier_listen`, else of `listen`.
    pub(crate) tier_address: Option<At<Address>>,
    /// The address of its admin API. Default: port 9901 of `tier_address` if that is loopback,
    /// else of 127.0.0.1.
    pub(crate) admin: Option<At<Address>>,
    /// Its share of the content of its PoP, relative to the other edges there.
    #[serde(default = "default_weight")]
    pub(crate) weight: Weight,
    /// Requests under way at once that it is made for: at these its load is 1, and its PoP gives clients
    /// away before (`[dns.load]`). Default: `max_requests` of `[limits]`.
    pub(crate) capacity: Option<Count>,
}

/// A share relative to others.
pub(crate) type Weight = Whole<1, 10_000>;

fn default_weight() -> Weight {
    Whole(100)
}

/// A shield: a cache between the edges and the origins.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shield {
    /// Its name, unique among all nodes: what it is started with, and its token in Cache-Status,
    /// Via and CDN-Loop.
    pub(crate) name: At<Name>,
    /// The PoP that it stands in, if it stands in one.
    pub(crate) pop: Option<At<Name>>,
    /// Addresses for HTTP without TLS, for nodes of this CDN. This or `tier_listen` is needed.
    #[serde(default)]
    pub(crate) listen: Vec<At<Address>>,
    /// Addresses for other nodes alone, over TLS if `trust` of `[tier]` is `mtls`. With them, nothing
    /// that comes to other addresses is believed to come from a node. Changed by a restart only.
    #[serde(default)]
    pub(crate) tier_listen: Vec<At<Address>>,
    /// Where other nodes reach it. Default: the first address of `tier_listen`, else of `listen`.
    pub(crate) tier_address: Option<At<Address>>,
    /// The address of its admin API. Default: port 9901 of `tier_address` if that is loopback,
    /// else of 127.0.0.1.
    pub(crate) admin: Option<At<Address>>,
    /// Its share of the content, relative to the other shields.
    #[serde(default = "default_weight")]
    pub(crate) weight: Weight,
}

/// A GeoDNS node: a name server of the zone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeoDns {
    /// Its name, unique among all nodes: what it is started with.
    pub(crate) name: At<Name>,
    /// The PoP that it stands in, if it stands in one.
    pub(crate) pop: Option<At<Name>>,
    /// Addresses to answer on, over UDP and TCP both.
    pub(crate) listen: OneOrMore<At<Address>>,
    /// Addresses for DNS over TLS (RFC 7858), mostly with the port 853. Need `[dns.tls]`. Changed by a
    /// restart only.
    #[serde(default)]
    pub(crate) tls_listen: Vec<At<Address>>,
    /// Addresses for DNS over HTTPS (RFC 8484). Need `[dns.tls]`. Changed by a restart only.
    #[serde(default)]
    pub(crate) https_listen: Vec<At<Address>>,
    /// Addresses for DNS over QUIC (RFC 9250), which is UDP, mostly with the port 853. Need
    /// `[dns.tls]`. Changed by a restart only.
    #[serde(default)]
    pub(crate) quic_listen: Vec<At<Address>>,
    /// Its host name, for the NS record. Default: its `name` in the zone.
    pub(crate) host: Option<At<DnsName>>,
    /// The IPv4 address that is told for its host name. Default: the first one in `listen`, if it
    /// is not 0.0.0.0.
    pub(crate) address: Option<At<Ip4>>,
    /// The IPv6 address that is told for its host name. Default: the first one in `listen`, if it
    /// is not `::`.
    pub(crate) address6: Option<At<Ip6>>,
    /// The address of its admin API. Default: port 9901 of the first address of `listen` if that
    /// is loopback, else of 127.0.0.1.
    pub(crate) admin: Option<At<Address>>,
}

impl GeoDns {
    /// Its host name in this zone.
    pub(crate) fn host(&self, zone: &DnsName) -> String {
        match &self.host {
            Some(host) => host.0.clone(),
            None => format!("{}.{}", self.name.0.to_ascii_lowercase(), zone.0),
        }
    }
}
