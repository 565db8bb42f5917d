//! What is counted of abuse.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Touched only by what is limited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(super) dropped: Counter,
    pub(super) slipped: Counter,
}

impl Counters {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "perigee_dns_responses_dropped",
            "DNS responses over UDP that were not sent, since the client's network has had too many",
            self.dropped.clone(),
        );
        registry.register(
            "perigee_dns_responses_slipped",
            "DNS responses over UDP in whose place TC or BADCOOKIE was sent, for the same reason",
            self.slipped.clone(),
        );
    }
}
