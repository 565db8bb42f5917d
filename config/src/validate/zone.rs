//! The zone as a whole: whether its records go together.

use std::path::Path;

use perigee_geodns::{Source, Zone, ZoneParts};

use super::Report;
use crate::sections::File;

/// What is written in the file: of the zone file it is judged when that is read.
pub(super) fn check(file: &File, report: &mut Report<'_>) {
    let Some(dns) = file.dns.as_ref().filter(|_| !file.geodns.is_empty()) else {
        return;
    };
    let names: Vec<_> = file
        .services
        .iter()
        .flat_map(|service| file.dns_names(service))
        .collect();
    let services: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    let name_servers = file.name_servers(dns);
    let parts = ZoneParts {
        zone: &dns.zone.0,
        soa: &dns.soa(0),
        name_servers: &name_servers,
        services: &services,
        contents: &dns.contents(Path::new("")),
    };
    let Err(error) = Zone::check(&parts) else {
        return;
    };
    let record = |place: usize| dns.records.get(place);
    let span = match error.from {
        Source::Name(place) => record(place).map(|record| &record.name.span),
        Source::Type(place) => record(place).map(|record| &record.rtype.span),
        Source::Data(place, which) => {
            let data = record(place).and_then(|record| record.data.iter().nth(which));
            data.map(|data| &data.span)
        }
        Source::Service(place) => names.get(place).map(|(_, span)| *span),
        Source::Own | Source::File(..) => None,
    };
    report.error(span.unwrap_or(&dns.zone.span), error.what, "");
}
