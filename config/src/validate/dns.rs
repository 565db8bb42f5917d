//! The zone: who answers for it, and what is told.

use super::{Report, Unique, nodes::known_pop, policies};
use crate::{
    at::At,
    sections::{Dns, File, GeoDns, Network, Unknown},
    units::Net,
};

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    let Some(dns) = &file.dns else {
        if let Some(server) = file.geodns.first().filter(|_| !report.is_part()) {
            report.error(
                &server.name.span,
                format!("{:?} has no zone to answer for", server.name.0),
                "write a [dns] table with zone = \"cdn.example\"",
            );
        }
        return;
    };
    let mut seen = Unique::new();
    for network in &dns.networks {
        place(file, report, network);
        for net in network.networks.iter() {
            carries_ipv4(report, net);
            if let Some(first) = seen.insert(net.0, &net.span) {
                let line = report.line(&first);
                report.error(
                    &net.span,
                    format!("the place of {} is told twice", net.0),
                    format!("the first time is on line {line}"),
                );
            }
        }
    }
    policies::check(file, dns, report);
    if let Some(place) = &dns.unknown {
        unknown(file, report, place);
    }
    if file.geodns.is_empty() {
        return;
    }
    for node in file.nodes() {
        let told = node.role != perigee_edge::Role::Shield;
        if told
            && node.told().is_empty()
            && let Some(first) = node.listen.first()
        {
            report.error(
                &first.span,
                format!(
                    "the GeoDNS cannot tell from {} where {:?} is",
                    first.0, node.name.0
                ),
                "set `address` (IPv4) or `address6` (IPv6)",
            );
        }
    }
    for server in &file.geodns {
        has_certificate(dns, report, server);
        host_is_free(file, dns, report, server);
    }
}

/// Encrypted transports show one.
fn has_certificate(dns: &At<Dns>, report: &mut Report<'_>, server: &GeoDns) {
    let lists = [
        &server.tls_listen,
        &server.https_listen,
        &server.quic_listen,
    ];
    if let (None, Some(first)) = (&dns.tls, lists.into_iter().flatten().next()) {
        report.error(
            &first.span,
            format!("{:?} has no certificate to show here", server.name.0),
            "write a [dns.tls] table with cert and key",
        );
    }
}

/// At a PoP, or at a latitude and longitude.
fn place(file: &File, report: &mut Report<'_>, network: &At<Network>) {
    match (&network.pop, network.latitude, network.longitude) {
        (Some(pop), None, None) => known_pop(file, report, pop),
        (None, Some(_), Some(_)) => {}
        _ => report.error(
            &network.span,
            "these networks have no place, or two",
            "set `pop`, or both `latitude` and `longitude`",
        ),
    }
}

fn unknown(file: &File, report: &mut Report<'_>, unknown: &At<Unknown>) {
    match (&unknown.pop, unknown.latitude, unknown.longitude) {
        (Some(pop), None, None) => known_pop(file, report, pop),
        (None, Some(_), Some(_)) => {}
        _ => report.error(
            &unknown.span,
            "clients that nobody places have no place here, or two",
            "set `pop`, or both `latitude` and `longitude`",
        ),
    }
}

/// An IPv4 address within an IPv6 address is looked up as the former.
fn carries_ipv4(report: &mut Report<'_>, net: &At<Net>) {
    let carriers = ["::ffff:0:0/96", "64:ff9b::/96", "2002::/16"];
    let carriers = carriers
        .iter()
        .filter_map(|text| text.parse::<ipnet::IpNet>().ok());
    if carriers.into_iter().any(|carrier| carrier.contains(&net.0)) {
        report.error(
            &net.span,
            format!(
                "addresses of {} are looked up as the IPv4 addresses in them",
                net.0
            ),
            "write the IPv4 network",
        );
    }
}

/// A name cannot be a name server's and a service's.
fn host_is_free(file: &File, dns: &At<Dns>, report: &mut Report<'_>, server: &GeoDns) {
    let host = server.host(&dns.zone);
    let names = file
        .services
        .iter()
        .flat_map(|service| file.dns_names(service));
    let Some((_, taken)) = names.into_iter().find(|(name, _)| *name == host) else {
        return;
    };
    let span = server
        .host
        .as_ref()
        .map_or(&server.name.span, |host| &host.span);
    let line = report.line(taken);
    report.error(
        span,
        format!("{host} is the name of a service too (line {line})"),
        "set `host` to another name",
    );
}
