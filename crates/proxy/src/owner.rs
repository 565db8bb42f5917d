//! Asking the edge that owns a key: it answers, and this node keeps nothing of it.

use std::sync::Arc;

use perigee_http_cache::{Failure, Miss, Receipt, SearchVariance};

use crate::{
    Inbound, Sender,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    fetch::Trip,
    next_hop::Hop,
    onward::request_head,
    outcome::with_status,
    passing::Way,
    send::Arrived,
};

impl Exchange {
    /// Asks the edge that owns the key. `None`: no owner could be asked, so that this node
    /// stands in for it, as far as the budget of retries allows.
    ///
    /// What this node has from a time when it stood in may take the place of an owner's error
    /// (RFC 5861 section 4).
    pub(crate) async fn ask_owner(
        self: &Arc<Self>,
        trip: &Trip,
        owners: &[Hop],
        why: Miss,
    ) -> Option<Answer> {
        let inbound = &trip.inbound;
        let head = request_head(&inbound.head, &self.config.node, self.loop_id(inbound));
        let empty = perigee_upstream::body::empty();
        let sent = self.send_over(owners, &trip.next, inbound, head, empty);
        let arrived = match sent.await {
            Ok(arrived) => arrived,
            Err(_) if self.may_retry() => return None,
            Err(failure) => return Some(self.or_stale(trip, failure, Handling::forwarded(why))),
        };
        if inbound.policy().no_vary_search {
            let variance = SearchVariance::of(arrived.response.headers());
            self.searches.learn(&inbound.key, variance.as_ref());
        }
        let handling = with_status(Handling::forwarded(why), &arrived);
        if self.is_worse_than_stale(trip, &arrived) {
            return Some(self.or_stale(trip, Failure::Unreachable, handling));
        }
        let handling = Handling {
            detail: Some(Detail::Peer(arrived.hop.clone())),
            ..handling
        };
        let answer = Answer::relayed(arrived, handling);
        Some(self.passing_on(answer, inbound, &trip.next, Way::Owner))
    }

    fn is_worse_than_stale(&self, trip: &Trip, arrived: &Arrived) -> bool {
        trip.wanted.stored.is_some()
            && arrived.response.status().is_server_error()
            && matches!(
                self.judge(&trip.inbound, &trip.wanted, arrived),
                Receipt::ServeStale
            )
    }

    /// CDN-Loop is written once per CDN: by the node that a client came to.
    pub(crate) fn loop_id(&self, inbound: &Inbound) -> Option<&str> {
        (inbound.sender == Sender::Client).then_some(self.config.cdn_id.as_str())
    }
}
