//! What is counted, on a registry that is passed in.

mod services;
mod tally;

pub use services::ServiceMetrics;

use std::sync::{Arc, OnceLock};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::{Hop, PassedOver};
use services::AllServices;

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
    services: AllServices,
    forwarded: Family<HopOutcome, Counter>,
    /// Of these, the answers of origins: nearly all, looked up once.
    answered: Arc<OnceLock<Counter>>,
    copied: Counter,
    passed_over: Family<OwnerPassedOver, Counter>,
    retries: Family<Budgeted, Counter>,
    resumed: Family<Resumed, Counter>,
}

impl Metrics {
    /// Registers everything.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Metrics::default();
        registry.register_collector(Box::new(metrics.services.clone()));
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

    /// The counts of one service, looked up once so that a request need not.
    pub fn service(&self, name: &str) -> Arc<ServiceMetrics> {
        self.services.of(name)
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

    pub(crate) fn forwarded(&self, hop: &Hop, outcome: &'static str) {
        let labels = || HopOutcome {
            kind: hop.kind(),
            name: hop.name().to_owned(),
            outcome,
        };
        match (hop, outcome) {
            (Hop::Origin(_), "answered") => {
                let lookup = || self.forwarded.get_or_create_owned(&labels());
                self.answered.get_or_init(lookup).inc();
            }
            _ => {
                self.forwarded.get_or_create(&labels()).inc();
            }
        }
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
