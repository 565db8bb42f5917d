//! What nodes know each other by: certificates need files, addresses and names of their own.

use perigee_edge::Role;
use perigee_edge::server_name;

use super::Report;
use crate::{
    sections::{File, NodeRef},
    units::TrustName,
};

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    for node in file.nodes() {
        served_to_nodes(report, &node);
    }
    let first = file.nodes().next().map(|node| node.name.span.clone());
    match (file.tier.trust, &file.tier.tls) {
        (TrustName::Secret, None) => {}
        (TrustName::Secret, Some(tls)) => report.error(
            &tls.span,
            "these certificates are of no use as long as nodes trust the secret alone",
            "write trust = \"mtls\" in [tier], or take [tier.tls] out",
        ),
        (TrustName::Mtls, None) => report.error(
            &first.unwrap_or_default(),
            "trust = \"mtls\" needs certificates",
            "write a [tier.tls] table with ca, cert and key; `perigee tier-certs` makes them",
        ),
        (TrustName::Mtls, Some(_)) => {
            for node in file.nodes() {
                certifiable(report, &node);
            }
        }
    }
}

/// With addresses for nodes alone, they are served nowhere else.
fn served_to_nodes(report: &mut Report<'_>, node: &NodeRef<'_>) {
    let Some(tier) = node.tier_address.filter(|_| !node.tier_listen.is_empty()) else {
        return;
    };
    if node.all_listen().any(|address| address.0 == tier.0) {
        report.error(
            &tier.span,
            format!(
                "{} is for clients, and {:?} serves other nodes at `tier_listen` alone",
                tier.0, node.name.0
            ),
            "name an address of `tier_listen`, or leave `tier_address` out",
        );
    }
}

/// What a node needs for mutual TLS.
fn certifiable(report: &mut Report<'_>, node: &NodeRef<'_>) {
    let name = node.name;
    if let Err(why) = server_name(&name.0) {
        report.error(&name.span, why, "choose a name that is a DNS name too");
    }
    if node.role != Role::GeoDns && node.tier_listen.is_empty() {
        report.error(
            &name.span,
            format!(
                "{:?} has no address where other nodes reach it over TLS",
                name.0
            ),
            "write tier_listen = [\"ADDRESS:PORT\"] with an address of the private network",
        );
    }
}
