//! Requests whose answers are not for the store: forwarded as they are.

use std::{sync::Arc, time::Instant};

use http::StatusCode;
use http_body::Body as _;
use perigee_http_cache::{Failure, Miss, Receipt, Recovery, recover};
use perigee_upstream::Body as Relayed;

use crate::{
    InFlight, Inbound, NextHop,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    fetch::{Trip, Wanted},
    keep::is_for_here,
    marks::Mark,
    moment::Moment,
    onward::{Asks, request_head, says_loop},
    outcome::{failed_by, with_status},
    passing::Way,
    send::Arrived,
};

impl Exchange {
    /// Forwards a request, its body streamed, and relays the answer. The owner is asked first,
    /// since it is the owner's copy that an unsafe request makes stale.
    pub(crate) async fn pass(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
        why: Miss,
    ) -> Answer {
        let head = request_head(
            &inbound.head,
            Asks::AsClient,
            &self.own,
            says_loop(&inbound),
        );
        let is_repeatable = body.is_end_stream();
        let route = next.route(&inbound);
        self.metrics.passed_over(route.passed_over.as_ref());
        let own = route.own.filter(|_| route.sideways.is_empty());
        let under_way = own.and_then(|own| InFlight::enter(&own, u64::MAX));
        let hops: Vec<_> = route.sideways.into_iter().chain(route.up).collect();
        let sent = self
            .send_over(&hops, &next, &inbound, (head, body), Moment::now())
            .await;
        let mut answer = match sent {
            Ok(arrived) => {
                let answer = self.passed(&inbound, arrived, why).await;
                match is_repeatable {
                    true => self.passing_on(answer, &inbound, &next, Way::AsAsked),
                    false => answer,
                }
            }
            Err(failure) => not_passed(&inbound, failure, why),
        };
        answer.count(under_way);
        answer
    }

    /// Forwards a request that need not, or cannot, be answered by another one's fetch: as it is,
    /// side by side with the others. What comes is not stored, but says whether it is worth
    /// waiting for the next time.
    pub(crate) async fn forward(
        self: &Arc<Self>,
        trip: &Trip,
        why: Miss,
        detail: Option<Detail>,
    ) -> Answer {
        let inbound = &trip.inbound;
        let head = request_head(&inbound.head, Asks::AsClient, &self.own, says_loop(inbound));
        let empty = perigee_upstream::body::empty();
        let sent = self.send_over(
            &trip.hops,
            &trip.next,
            inbound,
            (head, empty),
            Moment::now(),
        );
        let handling = Handling {
            detail,
            ..Handling::forwarded(why)
        };
        match sent.await {
            Err(failure) => self.or_stale(trip, failure, handling),
            Ok(arrived) => {
                self.learn(trip, &arrived);
                let handling = with_status(handling, &arrived);
                let answer = Answer::relayed(arrived, handling);
                self.passing_on(answer, inbound, &trip.next, Way::AsAsked)
            }
        }
    }

    /// Whether those who come next should wait for each other.
    fn learn(&self, trip: &Trip, arrived: &Arrived) {
        let key = &trip.inbound.key;
        match self.judge(&trip.inbound, &Wanted::default(), arrived) {
            Receipt::Store(head) => {
                // That there is no room for it, or that it is another node's, may be why it was not
                // shared.
                if !is_for_here(trip, &head, arrived) {
                    return;
                }
                let length = head.body_length();
                let fill = self.store.fill(key, head, length, arrived.asked);
                if fill.has_room() {
                    self.flights.unmark(key);
                }
            }
            Receipt::Relay(why) => {
                if let Some(mark) = Mark::of(trip, why, arrived.response.status()) {
                    self.flights
                        .mark_again(key, mark, arrived.asked, Instant::now());
                }
            }
            _ => {}
        }
    }
}

/// The answer as it came, and from whom.
pub(crate) fn relayed(arrived: Arrived, why: Miss) -> Answer {
    let handling = with_status(Handling::forwarded(why), &arrived);
    Answer::relayed(arrived, handling)
}

/// No answer came, and nothing that is stored can stand in for it.
pub(crate) fn not_passed(inbound: &Inbound, failure: Failure, why: Miss) -> Answer {
    if let Some(status) = inbound.clients_fault() {
        return Answer::own(status, Handling::refused());
    }
    let policy = inbound.policy();
    let status = match recover(&inbound.as_sent(), None, failure, policy, inbound.at) {
        Recovery::Fail(status) => status,
        Recovery::ServeStale => StatusCode::BAD_GATEWAY,
    };
    failed_by(failure, status, Handling::forwarded(why))
}
