//! What is counted, on a registry that is passed in.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::{PassedOver, cache_status::Handling};

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Budgeted {
    budget: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Resumed {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OwnerPassedOver {
    name: String,
    why: &'static str,
}

/// All that a tier counts.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Family<ServiceOutcome, Counter>,
    bytes: Family<ServiceLabel, Counter>,
    cut: Family<ServiceLabel, Counter>,
    forwarded: Family<HopOutcome, Counter>,
    copied: Counter,
    passed_over: Family<OwnerPassedOver, Counter>,
    retries: Family<Budgeted, Counter>,
    resumed: Family<Resumed, Counter>,
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
        registry.register(
            "perigee_hot_copies",
            "Answers of the edges that own them that were kept here too, since many ask for them",
            metrics.copied.clone(),
        );
        registry.register(
            "perigee_owner_passed_over",
            "Requests that went to the next on the ring, since their owner is overloaded or returning",
            metrics.passed_over.clone(),
        );
        registry.register(
            "perigee_retries",
            "Requests that another node was to be asked after one failed, by what the budget said",
            metrics.retries.clone(),
        );
        registry.register(
            "perigee_resumed_bodies",
            "Attempts to go on with a response body that broke off, by what came of them",
            metrics.resumed.clone(),
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
            gone: outcome("gone"),
            bytes: self.bytes.get_or_create(&label).clone(),
            cut: self.cut.get_or_create(&label).clone(),
        })
    }

    pub(crate) fn passed_over(&self, owner: Option<&PassedOver>) {
        if let Some(PassedOver { name, why }) = owner {
            let labels = OwnerPassedOver {
                name: name.clone(),
                why: why.as_str(),
            };
            self.passed_over.get_or_create(&labels).inc();
        }
    }

    pub(crate) fn copied(&self) {
        self.copied.inc();
    }

    pub(crate) fn forwarded(&self, kind: &'static str, name: &str, outcome: &'static str) {
        let labels = HopOutcome {
            kind,
            name: name.to_owned(),
            outcome,
        };
        self.forwarded.get_or_create(&labels).inc();
    }

    /// A body that broke off was to go on from another source.
    pub(crate) fn resumed(&self, outcome: &'static str) {
        self.resumed.get_or_create(&Resumed { outcome }).inc();
    }

    /// Another node was to be asked after one failed.
    pub(crate) fn retried(&self, is_allowed: bool) {
        let budget = match is_allowed {
            true => "allowed",
            false => "exhausted",
        };
        self.retries.get_or_create(&Budgeted { budget }).inc();
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
    /// The client left before there was an answer.
    gone: Counter,
    bytes: Counter,
    cut: Counter,
}

impl ServiceMetrics {
    #[cfg(test)]
    pub(crate) fn hits_and_bytes(&self) -> (u64, u64) {
        (self.hit.get(), self.bytes.get())
    }

    /// A hit that is sent whole.
    pub(crate) fn hit(&self, bytes: u64) {
        self.hit.inc();
        self.bytes.inc_by(bytes);
    }

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
            Handling {
                detail: Some(Detail::Refused),
                ..
            } => &self.refused,
            Handling { .. } => &self.gone,
        };
        counter.inc();
        self.bytes.inc_by(bytes);
        if !complete {
            self.cut.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use perigee_http_cache::Miss;

    use super::*;
    use crate::cache_status::Detail;

    #[test]
    fn each_request_counts_once() {
        let service = Metrics::default().service("www");
        let stale = Handling {
            detail: Some(Detail::StaleIfError),
            ..Handling::forwarded(Miss::Stale)
        };
        service.count(&Handling::hit(1), 10, true);
        service.count(&Handling::forwarded(Miss::Uri), 20, false);
        service.count(&stale, 30, true);
        service.count(&Handling::forwarded(Miss::Bypass), 0, true);
        service.count(&Handling::forwarded(Miss::Method), 0, true);
        service.count(&Handling::refused(), 0, true);
        service.count(&Handling::default(), 0, false);
        let ServiceMetrics {
            hit,
            miss,
            stale,
            passed,
            refused,
            gone,
            bytes,
            cut,
        } = &*service;
        let counts = [hit, miss, stale, passed, refused, gone, bytes, cut].map(Counter::get);
        assert_eq!(counts, [1, 1, 1, 2, 1, 1, 60, 2]);
    }

    #[test]
    fn a_service_keeps_its_counters_when_it_is_built_again() {
        let metrics = Metrics::default();
        let (before, after) = (metrics.service("www"), metrics.service("www"));
        before.count(&Handling::hit(1), 1, true);
        assert_eq!(after.hit.get(), 1);
    }
}
