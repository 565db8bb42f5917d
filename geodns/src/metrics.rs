//! What is counted.

use perigee_cluster::PopName;
use perigee_dns_wire::{rcode, rtype};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Handles to the metrics of a name server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    queries: Family<QueryLabels, Counter>,
    answers: Family<PopLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    r#type: &'static str,
    rcode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PopLabels {
    pop: String,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Metrics::default();
        registry.register(
            "dns_queries",
            "DNS queries answered, by type of question and response code",
            metrics.queries.clone(),
        );
        registry.register(
            "dns_answers",
            "DNS answers with edges, by the PoP that they are of",
            metrics.answers.clone(),
        );
        metrics
    }

    pub(crate) fn count(&self, rtype: Option<u16>, rcode: u16, pop: Option<&PopName>) {
        let labels = QueryLabels {
            r#type: type_label(rtype),
            rcode: rcode_label(rcode),
        };
        self.queries.get_or_create(&labels).inc();
        if let Some(pop) = pop {
            let labels = PopLabels {
                pop: pop.as_str().to_owned(),
            };
            self.answers.get_or_create(&labels).inc();
        }
    }
}

/// Few values, whatever clients send.
fn type_label(rtype: Option<u16>) -> &'static str {
    match rtype {
        None => "none",
        Some(rtype::A) => "A",
        Some(rtype::AAAA) => "AAAA",
        Some(rtype::NS) => "NS",
        Some(rtype::SOA) => "SOA",
        Some(rtype::HTTPS) => "HTTPS",
        Some(rtype::TXT) => "TXT",
        Some(rtype::ANY) => "ANY",
        Some(rtype::AXFR | rtype::IXFR) => "XFR",
        Some(_) => "other",
    }
}

/// The names of the IANA registry of DNS RCODEs.
pub(crate) fn rcode_label(rcode: u16) -> &'static str {
    match rcode {
        rcode::NOERROR => "NOERROR",
        rcode::FORMERR => "FORMERR",
        rcode::SERVFAIL => "SERVFAIL",
        rcode::NXDOMAIN => "NXDOMAIN",
        rcode::NOTIMP => "NOTIMP",
        rcode::REFUSED => "REFUSED",
        rcode::BADVERS => "BADVERS",
        rcode::BADCOOKIE => "BADCOOKIE",
        _ => "other",
    }
}
