//! What is stale is served at once, and validated in the background (RFC 5861 section 3).

use std::{sync::Arc, time::Instant};

use perigee_http_cache::{Miss, Serve};
use tokio::sync::oneshot;

use crate::{
    Inbound, NextHop,
    answer::Answer,
    cache_status::Handling,
    exchange::Exchange,
    fetch::{Trip, Wanted},
    lead::Errand,
    moment::Moment,
};

impl Exchange {
    /// Answers with what is stored, and has it validated where that is not under way already.
    ///
    /// Where another node owns the key, it is asked instead: it may have a newer one, and serves its
    /// own stale response as fast.
    pub(crate) async fn serve_and_refresh(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        next: Arc<dyn NextHop>,
        serve: &Serve,
        wanted: Wanted,
    ) -> Answer {
        let route = next.route(&inbound);
        match &wanted.stored {
            Some(stored) if route.sideways.is_empty() => {
                let handling = Handling::hit_stale(serve.ttl);
                let answer = self.out_of_store(&inbound, &next, stored, serve, handling);
                self.refresh(Trip {
                    inbound,
                    next,
                    hops: route.up,
                    wanted,
                    copy: None,
                });
                answer
            }
            _ => *self.fetch(inbound, next, Miss::Stale, wanted).await,
        }
    }

    /// Validates what is stored, for nobody in particular: one at a time for each stored response,
    /// and only so many in all. One that fails is tried again after a pause.
    fn refresh(self: &Arc<Self>, trip: Trip) {
        let Some(head) = trip.wanted.head().cloned() else {
            return;
        };
        let (key, policy) = (&trip.inbound.key, trip.inbound.policy());
        let (chance, now) = (fastrand::f64(), Instant::now());
        if !self.failed_keys.may_refresh(key, policy, chance, now) {
            return;
        }
        let Some(lead) = self.flights.refresh(&trip.inbound.key, trip.sought()) else {
            return;
        };
        let Ok(permit) = Arc::clone(&self.refreshes).try_acquire_owned() else {
            return;
        };
        let exchange = Arc::clone(self);
        tokio::spawn(async move {
            // Between the lookup and now, another refresh of it may have ended.
            let variants = exchange.store.lookup(&trip.inbound.key).get().await;
            if variants.iter().any(|it| it.head == head) {
                let (nobody, _) = oneshot::channel();
                let errand = Errand {
                    exchange,
                    lead,
                    trip: Arc::new(trip),
                    to_leader: nobody,
                    now: Moment::now(),
                };
                errand.run().await;
            }
            drop(permit);
        });
    }
}
