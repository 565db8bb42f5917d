//! Services, certificates and the store.

use super::{Report, Unique};
use crate::sections::File;

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    names_and_hosts(file, report);
    let edge = file.edges.iter().find_map(|edge| edge.tls_listen.first());
    if let Some(tls_listen) = edge.filter(|_| file.certificates.is_empty()) {
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
    if let Some(fill) = &file.storage.fill_memory
        && fill.0 > file.storage.memory.0
    {
        report.error(
            &fill.span,
            "fill_memory is a part of memory, and here it is larger",
            "a quarter of memory is the default",
        );
    }
}

fn names_and_hosts(file: &File, report: &mut Report<'_>) {
    if let Some(node) = file
        .edges
        .first()
        .map(|edge| &edge.name)
        .filter(|_| file.services.is_empty())
    {
        report.error(
            &node.span,
            format!("{:?} has nothing to serve", node.0),
            "write a [[services]] table with name, hosts and origins",
        );
    }
    let mut names = Unique::new();
    let mut hosts = Unique::new();
    for service in &file.services {
        let name = &service.name;
        if let Some(first) = names.insert(&name.0, &name.span) {
            let line = report.line(&first);
            report.error(
                &name.span,
                format!("a second service is named {:?}", name.0),
                format!("the first one is on line {line}"),
            );
            continue;
        }
        let implied = file.implied_host(service);
        let all = implied.iter().map(|host| (host.as_str(), &name.span));
        let own = service
            .hosts
            .iter()
            .map(|host| (host.0.as_str(), &host.span));
        let mut any = false;
        for (host, span) in all.chain(own) {
            any = true;
            // Its own implied host may be written out too.
            if let Some(first) = hosts
                .insert(host.to_owned(), span)
                .filter(|first| *first != name.span)
            {
                let line = report.line(&first);
                report.error(
                    span,
                    format!("the host {host:?} is claimed twice"),
                    format!("the first time is on line {line}"),
                );
            }
        }
        if !any {
            report.error(
                &name.span,
                format!("the service {:?} answers for no host", name.0),
                "set `hosts`, such as hosts = [\"www.example.com\"], or [\"*\"] for all",
            );
        }
    }
}

impl File {
    /// The host that a service has by its name.
    pub(crate) fn implied_host(&self, service: &crate::sections::Service) -> Option<String> {
        let dns = self.dns.as_ref()?;
        Some(format!("{}.{}", service.name.0, dns.zone.0))
    }
}
