//! Addresses: no two listeners on one, every node reachable, admin APIs not open to the world.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use super::Report;
use crate::{
    sections::{File, NodeRef},
    units::is_of_one,
};

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    let alone = file.nodes().count() < 2 && file.membership.is_none();
    for node in file.nodes() {
        if !node.is_somewhere() {
            report.error(
                &node.name.span,
                format!("{:?} listens nowhere", node.name.0),
                "write `listen` (HTTP without TLS) or `tier_listen`",
            );
            continue;
        }
        if !alone {
            reachable(report, &node);
        }
        guarded(file, report, &node);
    }
    let uses: Vec<Use<'_>> = file.nodes().flat_map(uses).collect();
    // Two nodes on one address have their default admin addresses in common too: once is enough.
    let mut pairs = HashSet::new();
    for (n, later) in uses.iter().enumerate() {
        if let Some(earlier) = uses[..n].iter().find(|earlier| later.clashes(earlier))
            && pairs.insert((earlier.node, later.node))
        {
            clash(report, earlier, later);
        }
    }
}

/// Others must be able to connect to it.
fn reachable(report: &mut Report<'_>, node: &NodeRef<'_>) {
    let tier = node.tier_address();
    let name = &node.name.0;
    if node.role != perigee_edge::Role::GeoDns && !is_of_one(tier.0.ip()) {
        report.error(
            &tier.span,
            format!("other nodes cannot tell from {} where {name:?} is", tier.0),
            "set tier_address to the address that they reach it at",
        );
    }
    let listened = node.all_listen().chain(node.tier_listen);
    for address in listened.chain(node.tier_address).chain(node.admin) {
        if address.0.port() == 0 {
            report.error(
                &address.span,
                format!(
                    "others cannot know which port {name:?} gets for {}",
                    address.0
                ),
                "write a port other than 0",
            );
        }
    }
}

/// Commands come from this machine, or with a token.
fn guarded(file: &File, report: &mut Report<'_>, node: &NodeRef<'_>) {
    let has_token = file.admin.token.is_some() || file.admin.token_env.is_some();
    if let Some(admin) = node
        .admin
        .filter(|admin| !admin.0.ip().is_loopback() && !has_token)
    {
        report.error(
            &admin.span,
            format!("anyone who reaches {} could command {:?}", admin.0, node.name.0),
            "write an [admin] table with token_env = \"PERIGEE_ADMIN_TOKEN\", or use a loopback address",
        );
    }
}

/// A node that uses an address.
#[derive(Clone)]
struct Use<'f> {
    node: &'f str,
    key: &'static str,
    transports: Transports,
    /// The machine that the node is on; `None`: this one, whichever it is.
    machine: Option<IpAddr>,
    address: SocketAddr,
    span: &'f Range<usize>,
}

/// UDP and TCP have ports of their own.
#[derive(Clone, Copy)]
struct Transports {
    udp: bool,
    tcp: bool,
}

fn transports(role: perigee_edge::Role, key: &str) -> Transports {
    let is_dns = role == perigee_edge::Role::GeoDns;
    Transports {
        udp: key == "quic_listen" || key == "listen" && is_dns,
        tcp: key != "quic_listen",
    }
}

fn uses<'f>(node: NodeRef<'f>) -> Vec<Use<'f>> {
    let tier = node.tier_address();
    let machine = Some(tier.0.ip()).filter(|ip| !ip.is_loopback());
    let listen = node.listen.iter().map(|a| ("listen", a.0, &a.span));
    let tls = node.tls_listen.iter().map(|a| ("tls_listen", a.0, &a.span));
    let https = node.https_listen.iter();
    let https = https.map(|a| ("https_listen", a.0, &a.span));
    let quic = node.quic_listen.iter();
    let quic = quic.map(|a| ("quic_listen", a.0, &a.span));
    let nodes = node.tier_listen.iter();
    let nodes = nodes.map(|a| ("tier_listen", a.0, &a.span));
    let admin_span = node.admin.map_or(&node.name.span, |admin| &admin.span);
    listen
        .chain(tls)
        .chain(https)
        .chain(quic)
        .chain(nodes)
        .chain([("admin", node.admin(), admin_span)])
        .map(|(key, address, span)| Use {
            node: &node.name.0,
            key,
            transports: transports(node.role, key),
            machine,
            address,
            span,
        })
        .collect()
}

impl Use<'_> {
    /// Whether both cannot be had. Loopback and wildcard addresses are of one machine only.
    fn clashes(&self, other: &Self) -> bool {
        if self.address.port() != other.address.port() || self.address.port() == 0 {
            return false;
        }
        let (mine, others) = (self.transports, other.transports);
        if !(mine.udp && others.udp || mine.tcp && others.tcp) {
            return false;
        }
        let (mine, others) = (self.address.ip(), other.address.ip());
        let everywhere = |ip: IpAddr| !ip.is_loopback() && !ip.is_unspecified();
        let same_machine = self.machine == other.machine;
        if mine == others {
            return same_machine || everywhere(mine);
        }
        let wildcard = mine.is_unspecified() || others.is_unspecified();
        wildcard && same_machine && mine.is_ipv4() == others.is_ipv4()
    }
}

fn clash(report: &mut Report<'_>, earlier: &Use<'_>, later: &Use<'_>) {
    let line = report.line(earlier.span);
    let message = format!(
        "{} is taken: it is `{}` of {:?} (line {line}), and `{}` of {:?} too",
        earlier.address, earlier.key, earlier.node, later.key, later.node,
    );
    let help = if later.key == "admin" || earlier.key == "admin" {
        "set `admin` to an address of its own on each node"
    } else {
        "give one of them another address or port"
    };
    report.error(later.span, message, help);
}
