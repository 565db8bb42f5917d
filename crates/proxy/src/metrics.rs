//! What is counted, on a registry that is passed in.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::cache_status::Handling;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceOutcome {
    service: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabel {
    service: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HopOutcome {
    kind: &'static str,
    name: String,
    outcome: &'static str,
}

/// All that a tier counts.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Family<ServiceOutcome, Counter>,
    bytes: Family<ServiceLabel, Counter>,
    cut: Family<ServiceLabel, Counter>,
    forwarded: Family<HopOutcome, Counter>,
}

impl Metrics {
    /// Registers everything.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Metrics::default();
        registry.register(
            "perigee_requests",
            "Requests answered, by delivery service and by how the cache handled them",
            metrics.requests.clone(),
        );
        registry.register(
            "perigee_response_body_bytes",
            "Bytes of response bodies sent",
            metrics.bytes.clone(),
        );
        registry.register(
            "perigee_responses_cut",
            "Responses whose body was not sent whole",
            metrics.cut.clone(),
        );
        registry.register(
            "perigee_forwarded_requests",
            "Requests sent to peers, shields and origins, by what came of them",
            metrics.forwarded.clone(),
        );
        metrics
    }

    /// The counters of one service, looked up once so that a request need not.
    pub fn service(&self, name: &str) -> Arc<ServiceMetrics> {
        let outcome = |outcome| {
            let labels = ServiceOutcome {
                service: name.to_owned(),
                outcome,
            };
            self.requests.get_or_create(&labels).clone()
        };
        let label = ServiceLabel {
            service: name.to_owned(),
        };
        Arc::new(ServiceMetrics {
            hit: outcome("hit"),
            miss: outcome("miss"),
            stale: outcome("stale"),
            passed: outcome("passed"),
            refused: outcome("refused"),
            bytes: self.bytes.get_or_create(&label).clone(),
            cut: self.cut.get_or_create(&label).clone(),
        })
    }

    pub(crate) fn forwarded(&self, kind: &'static str, name: &str, outcome: &'static str) {
        let labels = HopOutcome {
            kind,
            name: name.to_owned(),
            outcome,
        };
        self.forwarded.get_or_create(&labels).inc();
    }
}

/// The counters of one service.
#[derive(Debug, Default)]
pub struct ServiceMetrics {
    hit: Counter,
    miss: Counter,
    stale: Counter,
    passed: Counter,
    refused: Counter,
    bytes: Counter,
    cut: Counter,
}

impl ServiceMetrics {
    pub(crate) fn count(&self, handling: &Handling, bytes: u64, complete: bool) {
        use crate::cache_status::Detail;
        use perigee_http_cache::Miss;
        let counter = match handling {
            Handling { hit: true, .. } => &self.hit,
            Handling {
                detail: Some(Detail::StaleIfError),
                ..
            } => &self.stale,
            Handling {
                forwarded: Some(Miss::Bypass | Miss::Method),
                ..
            } => &self.passed,
            Handling {
                forwarded: Some(_), ..
            } => &self.miss,
            Handling { .. } => &self.refused,
        };
        counter.inc();
        self.bytes.inc_by(bytes);
        if !complete {
            self.cut.inc();
        }
    }
}
