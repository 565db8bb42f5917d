//! Services and certificates.

use super::{Report, Unique};
use crate::sections::{File, Service};

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    names(file, report);
    hosts(file, report);
    rules(file, report);
    keys(file, report);
    let edge = file.edges.iter().find_map(|edge| edge.tls_listen.first());
    if let Some(tls_listen) = edge.filter(|_| file.certificates.is_empty() && !report.is_part()) {
        report.error(
            &tls_listen.span,
            "TLS needs a certificate, and there is none",
            "write a [[certificates]] table with cert = \"…\" and key = \"…\"",
        );
    }
    for host in file.certificates.iter().flat_map(|c| &c.hosts) {
        if host.0 == "*" {
            report.error(
                &host.span,
                "no certificate is for every host",
                "take `hosts` out: the first certificate serves clients that name no other's host",
            );
        }
    }
}

/// Each rule has something to say, and does not contradict itself.
fn rules(file: &File, report: &mut Report<'_>) {
    for rule in file.services.iter().flat_map(|s| &s.cache.rules.0) {
        if let Some((what, help)) = rule.contradiction() {
            report.error(&rule.span, what, help);
        }
    }
}

/// What is kept of a query and what is ignored are said in one way.
fn keys(file: &File, report: &mut Report<'_>) {
    for service in &file.services {
        let key = &service.cache.key;
        if let Some(keep) = key.query_keep.as_ref()
            && !key.query_ignore.0.is_empty()
        {
            report.error(
                &keep.span,
                "query_keep leaves nothing for query_ignore to say",
                "write one of the two",
            );
        }
    }
}

/// Edges have something to serve, and no two services have one name.
fn names(file: &File, report: &mut Report<'_>) {
    let nothing = file.services.is_empty() && !report.is_part();
    if let (Some(edge), true) = (file.edges.first(), nothing) {
        report.error(
            &edge.name.span,
            format!("{:?} has nothing to serve", edge.name.0),
            "write a [[services]] table with name, hosts and origins",
        );
    }
    let mut names = Unique::new();
    for Service { name, .. } in &file.services {
        if let Some(first) = names.insert(&name.0, &name.span) {
            let line = report.line(&first);
            report.error(
                &name.span,
                format!("a second service is named {:?}", name.0),
                format!("the first one is on line {line}"),
            );
        }
    }
}

/// Every service answers for a host, and no two for the same.
fn hosts(file: &File, report: &mut Report<'_>) {
    let mut claimed = Unique::new();
    for (n, service) in file.services.iter().enumerate() {
        let name = &service.name;
        // A second service of one name claims the same host by it: the name is wrong, once.
        if file.services[..n]
            .iter()
            .any(|other| other.name.0 == name.0)
        {
            continue;
        }
        let implied = file.dns_names(service);
        if implied.is_empty() && service.hosts.is_empty() {
            report.error(
                &name.span,
                format!("the service {:?} answers for no host", name.0),
                "set `hosts`, such as hosts = [\"www.example.com\"], or [\"*\"] for all",
            );
        }
        // Its own implied host may be written out too.
        let is_implied = |host: &str| implied.iter().any(|(name, _)| name == host);
        let written = service.hosts.iter().filter(|host| !is_implied(&host.0));
        let written = written.map(|host| (host.0.clone(), &host.span));
        for (host, span) in implied.iter().cloned().chain(written) {
            if let Some(first) = claimed.insert(host.clone(), span) {
                let line = report.line(&first);
                report.error(
                    span,
                    format!("the host {host:?} is claimed twice"),
                    format!("the first time is on line {line}"),
                );
            }
        }
    }
}
