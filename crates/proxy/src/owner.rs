//! Asking the edge that owns a key: it answers, and this node keeps nothing of it.

use std::sync::Arc;

use perigee_http_cache::{Miss, SearchVariance};

use crate::{
    answer::Answer,
    cache_status::Handling,
    exchange::Exchange,
    fetch::Trip,
    moment::Moment,
    next_hop::Hop,
    onward::{Asks, request_head, says_loop},
    outcome::with_status,
    passing::Way,
    suspicion::is_lost,
};

impl Exchange {
    /// Asks the edge that owns the key. `None`: no owner could be asked, so that this node
    /// stands in for it, as far as the budget of retries allows, if there is one that may be alive.
    pub(crate) async fn ask_owner(
        self: &Arc<Self>,
        trip: &Trip,
        owners: &[Hop],
        why: Miss,
    ) -> Option<Answer> {
        let inbound = &trip.inbound;
        let head = request_head(&inbound.head, Asks::AsClient, &self.own, says_loop(inbound));
        let empty = perigee_upstream::body::empty();
        let sent = self.send_over(owners, &trip.next, inbound, (head, empty), Moment::now());
        let arrived = match sent.await {
            Ok(arrived) => arrived,
            Err(_) if owners.iter().all(|hop| is_lost(hop, &*trip.next)) || self.may_retry() => {
                return None;
            }
            Err(failure) => return Some(self.or_stale(trip, failure, Handling::forwarded(why))),
        };
        if inbound.policy().no_vary_search {
            let variance = SearchVariance::of(arrived.response.headers());
            self.searches.learn(&inbound.key, variance.as_ref());
        }
        let handling = with_status(Handling::forwarded(why), &arrived);
        let answer = Answer::relayed(arrived, handling);
        Some(self.passing_on(answer, inbound, &trip.next, Way::Owner))
    }
}
