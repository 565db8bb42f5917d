//! What is counted of signatures.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Touched only where a signature is made, or would have to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(super) made: Counter,
    pub(super) ahead: Counter,
    pub(super) refused: Counter,
}

impl Counters {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "perigee_dns_signatures_made",
            "DNSSEC signatures made for questions",
            self.made.clone(),
        );
        registry.register(
            "perigee_dns_signatures_ahead",
            "DNSSEC signatures made before anybody asked",
            self.ahead.clone(),
        );
        registry.register(
            "perigee_dns_signatures_refused",
            "DNSSEC signatures that were not made, since max_signatures_per_second had been",
            self.refused.clone(),
        );
    }
}
