//! What is counted.

use hickory_proto::{op::ResponseCode, rr::RecordType};
use perigee_cluster::PopName;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Handles to the metrics of a name server. Messages that do not decode are answered by
/// hickory-server itself and not counted.
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

    pub(crate) fn count(
        &self,
        rtype: Option<RecordType>,
        rcode: ResponseCode,
        pop: Option<&PopName>,
    ) {
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
fn type_label(rtype: Option<RecordType>) -> &'static str {
    match rtype {
        None => "none",
        Some(RecordType::A) => "A",
        Some(RecordType::AAAA) => "AAAA",
        Some(RecordType::NS) => "NS",
        Some(RecordType::SOA) => "SOA",
        Some(RecordType::HTTPS) => "HTTPS",
        Some(RecordType::TXT) => "TXT",
        Some(RecordType::ANY) => "ANY",
        Some(RecordType::AXFR | RecordType::IXFR) => "XFR",
        Some(_) => "other",
    }
}

/// The names of the IANA registry of DNS RCODEs.
pub(crate) fn rcode_label(rcode: ResponseCode) -> &'static str {
    match rcode {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::BADVERS | ResponseCode::BADSIG => "BADVERS",
        _ => "other",
    }
}
