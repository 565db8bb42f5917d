//! Nodes whatever their role: their addresses, with the defaults filled in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use perigee_edge::Role;

use crate::{
    at::At,
    units::{Address, Ip4, Ip6, Name, OneOrMore},
};

/// The port of the admin API, if the file says nothing of it.
const ADMIN_PORT: u16 = 9901;

/// Of a node without any address, in a file that is refused for that.
static NOWHERE: At<Address> = At {
    value: Address(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)),
    span: 0..0,
};

/// Addresses that a node listens on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addresses<'a> {
    AtLeast(&'a OneOrMore<At<Address>>),
    Any(&'a [At<Address>]),
}

impl<'a> Addresses<'a> {
    pub(crate) fn first(self) -> Option<&'a At<Address>> {
        self.iter().next()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a At<Address>> {
        let (first, others) = match self {
            Addresses::AtLeast(all) => (Some(&all.first), all.others.as_slice()),
            Addresses::Any(all) => (None, all),
        };
        first.into_iter().chain(others)
    }
}

/// What nodes of all roles have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeRef<'a> {
    pub(crate) role: Role,
    pub(crate) name: &'a At<Name>,
    pub(crate) pop: Option<&'a At<Name>>,
    /// Empty only for a shield.
    pub(crate) listen: Addresses<'a>,
    pub(crate) tls_listen: &'a [At<Address>],
    /// Of a GeoDNS node.
    pub(crate) https_listen: &'a [At<Address>],
    /// Of a GeoDNS node.
    pub(crate) quic_listen: &'a [At<Address>],
    pub(crate) tier_listen: &'a [At<Address>],
    pub(crate) tier_address: Option<&'a At<Address>>,
    pub(crate) address: Option<&'a At<Ip4>>,
    pub(crate) address6: Option<&'a At<Ip6>>,
    pub(crate) admin: Option<&'a At<Address>>,
}

impl NodeRef<'_> {
    /// Where other nodes reach it, and where in the file that is said.
    pub(crate) fn tier_address(&self) -> &At<Address> {
        let first = self.tier_listen.first().or(self.listen.first());
        self.tier_address.or(first).unwrap_or(&NOWHERE)
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
        let listen = self.listen.iter().chain(self.tls_listen);
        listen.chain(self.https_listen).chain(self.quic_listen)
    }

    /// Whether it has an address at all.
    pub(crate) fn is_somewhere(&self) -> bool {
        self.all_listen().chain(self.tier_listen).next().is_some()
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
            listen: Addresses::AtLeast(&edge.listen),
            tls_listen: &edge.tls_listen,
            https_listen: &[],
            quic_listen: &[],
            tier_listen: &edge.tier_listen,
            tier_address: edge.tier_address.as_ref(),
            address: edge.address.as_ref(),
            address6: edge.address6.as_ref(),
            admin: edge.admin.as_ref(),
        });
        let shields = self.shields.iter().map(|shield| NodeRef {
            role: Role::Shield,
            name: &shield.name,
            pop: shield.pop.as_ref(),
            listen: Addresses::Any(&shield.listen),
            tls_listen: &[],
            https_listen: &[],
            quic_listen: &[],
            tier_listen: &shield.tier_listen,
            tier_address: shield.tier_address.as_ref(),
            address: None,
            address6: None,
            admin: shield.admin.as_ref(),
        });
        let geodns = self.geodns.iter().map(|server| NodeRef {
            role: Role::GeoDns,
            name: &server.name,
            pop: server.pop.as_ref(),
            listen: Addresses::AtLeast(&server.listen),
            tls_listen: &server.tls_listen,
            https_listen: &server.https_listen,
            quic_listen: &server.quic_listen,
            tier_listen: &[],
            tier_address: None,
            address: server.address.as_ref(),
            address6: server.address6.as_ref(),
            admin: server.admin.as_ref(),
        });
        edges.chain(shields).chain(geodns)
    }
}
