//! `[[edges]]`, `[[shields]]` and `[[geodns]]`: the nodes and their addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use perigee_edge::Role;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    at::At,
    units::{Address, DnsName, Ip4, Ip6, Name, OneOrMore, Whole},
};

/// The port of the admin API, if the file says nothing of it.
const ADMIN_PORT: u16 = 9901;

/// An edge: a cache that clients ask.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edge {
    /// Its name, unique among all nodes: what it is started with, and its token in Cache-Status,
    /// Via and CDN-Loop.
    pub(crate) name: At<Name>,
    /// The PoP that it stands in.
    pub(crate) pop: At<Name>,
    /// Addresses for HTTP without TLS. Other nodes ask here too, so there is at least one.
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
    /// Where other nodes reach it. Default: the first address of `listen`.
    pub(crate) tier_address: Option<At<Address>>,
    /// The address of its admin API. Default: port 9901 of `tier_address` if that is loopback,
    /// else of 127.0.0.1.
    pub(crate) admin: Option<At<Address>>,
    /// Its share of the content of its PoP, relative to the other edges there.
    #[serde(default = "default_weight")]
    pub(crate) weight: Weight,
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
    /// Addresses for HTTP. Only nodes of this CDN are admitted.
    pub(crate) listen: OneOrMore<At<Address>>,
    /// Where other nodes reach it. Default: the first address of `listen`.
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

/// What nodes of all roles have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeRef<'a> {
    pub(crate) role: Role,
    pub(crate) name: &'a At<Name>,
    pub(crate) pop: Option<&'a At<Name>>,
    pub(crate) listen: &'a OneOrMore<At<Address>>,
    pub(crate) tls_listen: &'a [At<Address>],
    pub(crate) tier_address: Option<&'a At<Address>>,
    pub(crate) address: Option<&'a At<Ip4>>,
    pub(crate) address6: Option<&'a At<Ip6>>,
    pub(crate) admin: Option<&'a At<Address>>,
}

impl NodeRef<'_> {
    /// Where other nodes reach it, and where in the file that is said.
    pub(crate) fn tier_address(&self) -> &At<Address> {
        self.tier_address.unwrap_or(&self.listen.first)
    }

    /// The address of its admin API.
    pub(crate) fn admin(&self) -> SocketAddr {
        match self.admin {
            Some(admin) => admin.0,
            None => SocketAddr::new(self.default_admin_ip(), ADMIN_PORT),
        }
    }

    fn default_admin_ip(&self) -> IpAddr {
        let ip = self.tier_address().0.ip();
        if ip.is_loopback() {
            ip
        } else {
            Ipv4Addr::LOCALHOST.into()
        }
    }

    /// All addresses for clients.
    pub(crate) fn all_listen(&self) -> impl Iterator<Item = &At<Address>> {
        self.listen.iter().chain(self.tls_listen)
    }

    /// The addresses that the outside world is told, IPv4 first.
    pub(crate) fn told(&self) -> Vec<IpAddr> {
        let listened = |v4: bool| {
            self.all_listen()
                .map(|address| address.0.ip())
                .find(|ip| ip.is_ipv4() == v4 && !ip.is_unspecified())
        };
        let v4 = self.address.map(|a| a.0.into()).or_else(|| listened(true));
        let v6 = self
            .address6
            .map(|a| a.0.into())
            .or_else(|| listened(false));
        v4.into_iter().chain(v6).collect()
    }
}

impl super::File {
    /// All nodes: edges, shields, GeoDNS nodes, each in the order of the file.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let edges = self.edges.iter().map(|edge| NodeRef {
            role: Role::Edge,
            name: &edge.name,
            pop: Some(&edge.pop),
            listen: &edge.listen,
            tls_listen: &edge.tls_listen,
            tier_address: edge.tier_address.as_ref(),
            address: edge.address.as_ref(),
            address6: edge.address6.as_ref(),
            admin: edge.admin.as_ref(),
        });
        let shields = self.shields.iter().map(|shield| NodeRef {
            role: Role::Shield,
            name: &shield.name,
            pop: shield.pop.as_ref(),
            listen: &shield.listen,
            tls_listen: &[],
            tier_address: shield.tier_address.as_ref(),
            address: None,
            address6: None,
            admin: shield.admin.as_ref(),
        });
        let geodns = self.geodns.iter().map(|server| NodeRef {
            role: Role::GeoDns,
            name: &server.name,
            pop: server.pop.as_ref(),
            listen: &server.listen,
            tls_listen: &[],
            tier_address: None,
            address: server.address.as_ref(),
            address6: server.address6.as_ref(),
            admin: server.admin.as_ref(),
        });
        edges.chain(shields).chain(geodns)
    }
}
