//! The one fetch for all who want a key: send, receive, and tell what came of it.

use std::{future::Future, sync::Arc, time::Instant};

use http::{HeaderMap, StatusCode, header};
use perigee_http_cache::{
    Failure, NotStored, Policy, Receipt, ResponseHead, receive, receive_whole, withheld,
};
use perigee_storage::{Reader, Stored};
use perigee_upstream::Came;
use tokio::sync::oneshot;

use crate::{
    Inbound,
    claims::varies_by_client,
    exchange::Exchange,
    failed::How,
    fetch::{Trip, Wanted},
    flight::{Arrival, Lead, Progress},
    keep::ByLines,
    marks::{Mark, Whose},
    moment::Moment,
    send::Arrived,
};

/// What a fetch came to, for the one who began it.
pub(crate) enum Landed {
    /// A response that is stored, or the stored one, freshened.
    Stored(Box<ForLeader>),
    /// A response that is not stored.
    Alone(Box<Arrived>),
    /// What came is of no use to the one who asked, whom the next tier can answer as it asks for
    /// itself: a part is wanted of what is too large for the store, or more came than it wants.
    ForItself,
    /// An error of this status came, and what is stored may be served in its place.
    ServeStale(u16),
    /// No response came.
    Failed(Failure),
}

/// A response that is being stored, as the one who began the fetch gets it.
pub(crate) struct ForLeader {
    pub(crate) arrival: Arrival,
    pub(crate) fields: OwnFields,
    /// The node of this PoP that it came from, which keeps it too.
    pub(crate) owner: Option<String>,
    /// A fill that is not kept goes no further than its readers. Until the leader reads, this one
    /// stands in for it, so that the first bytes are still there.
    pub(crate) _first: Option<Reader>,
}

/// What the one who began a fetch gets besides the fields that are stored.
#[derive(Default)]
pub(crate) struct OwnFields {
    /// Those that are not stored, since only this one gets them (RFC 9111 section 5.2.2.7).
    pub(crate) withheld: HeaderMap,
    /// Whether Age came with them, and so the response out of a cache (RFC 9111 section 5.1).
    pub(crate) aged: bool,
}

impl OwnFields {
    /// Of what came and was not taken for the store.
    pub(crate) fn of(came: &HeaderMap, policy: &Policy) -> OwnFields {
        match came.is_empty() {
            true => OwnFields::default(),
            false => OwnFields {
                withheld: withheld(came, policy),
                aged: came.contains_key(header::AGE),
            },
        }
    }
}

/// The way to the one who began the fetch. Whether that one is still there is its own affair.
pub(crate) type ToLeader = oneshot::Sender<Landed>;

/// A fetch that is to be led.
pub(crate) struct Errand {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) lead: Lead,
    pub(crate) trip: Arc<Trip>,
    pub(crate) to_leader: ToLeader,
    /// When that is.
    pub(crate) now: Moment,
}

impl Errand {
    pub(crate) fn run(self) -> impl Future<Output = ()> + Send {
        let Errand {
            exchange,
            lead,
            trip,
            to_leader,
            now,
        } = self;
        exchange.lead(lead, trip, to_leader, now)
    }
}

impl Exchange {
    /// Fetches, tells all who wait, and stores. A response that is not to be shared goes to
    /// the one request that began the fetch.
    async fn lead(
        self: Arc<Self>,
        lead: Lead,
        mut trip: Arc<Trip>,
        to_leader: ToLeader,
        mut now: Moment,
    ) {
        let nominated = trip.wanted.stored.clone();
        match self.standing_failure(&trip, now.instant) {
            Some(How::NoAnswer(failure)) => return fail(&lead, failure, to_leader),
            Some(How::Status(status)) => return serve_stale(&lead, status, to_leader),
            None => {}
        }
        loop {
            let came = match self.ask(&trip, now).await {
                Ok(came) => came,
                Err(failure) => return fail(&lead, failure, to_leader),
            };
            let mut arrived = match self.keep_whole(&trip, came) {
                ByLines::Stored(taken, arrived) => {
                    let own = (StatusCode::OK, OwnFields::default());
                    return self.land(lead, &trip, taken, arrived, own, to_leader);
                }
                ByLines::Not(arrived) => arrived,
            };
            let receipt = self.take_in(&trip, &mut arrived);
            let completes = matches!(receipt, Receipt::Combine(_));
            match receipt {
                Receipt::Store(head) | Receipt::Combine(head) => {
                    let keep = self.keep(lead, &trip, head, completes, arrived, to_leader);
                    return keep.await;
                }
                // Others who want these bytes ask for themselves.
                Receipt::FetchAgain if trip.wanted.midway.is_some() => {
                    lead.tell_not_shared(None, Instant::now());
                    let _ = to_leader.send(Landed::ForItself);
                    return;
                }
                Receipt::AskAgain(why) => {
                    let mark = Mark::of(&trip, why, arrived.response.status());
                    lead.tell_not_shared(mark, Instant::now());
                    let _ = to_leader.send(Landed::ForItself);
                    return;
                }
                Receipt::Freshened(head) => {
                    let freshen = self.freshen(lead, &trip, head, arrived, to_leader);
                    return Box::pin(freshen).await;
                }
                // What is stored was of no use: once more, without it.
                Receipt::FetchAgain if trip.wanted.is_particular() => {
                    Arc::make_mut(&mut trip).wanted = Wanted::default();
                    now = Moment::now();
                }
                Receipt::FetchAgain => return fail(&lead, Failure::Invalid, to_leader),
                Receipt::ServeStale => {
                    let status = arrived.response.status().as_u16();
                    return serve_stale(&lead, status, to_leader);
                }
                Receipt::Relay(why) => {
                    let mark = Mark::of(&trip, why, arrived.response.status());
                    Box::pin(self.drop_refuted(&trip, why, mark, nominated)).await;
                    lead.tell_not_shared(mark, Instant::now());
                    let _ = to_leader.send(Landed::Alone(Box::new(arrived)));
                    return;
                }
            }
        }
    }

    async fn ask(&self, trip: &Trip, now: Moment) -> Result<Arrived<Came>, Failure> {
        let inbound = &*trip.inbound;
        let mut head = self.get_head(inbound, true);
        head.fields.replace(&trip.wanted.fields);
        let empty = perigee_upstream::body::empty();
        let (hops, takes_whole) = (&trip.hops, inbound.takes_lines);
        let sent = self.send_for(hops, &trip.next, inbound, (head, empty), now, takes_whole);
        let sent = sent.await;
        let status = sent.as_ref().map(|came| came.response.status());
        self.note_outcome(trip, status.map_err(|failure| *failure));
        sent
    }

    /// Another response in full says that none of the stored ones that were nominated is suitable
    /// (RFC 9111 section 4.3.3). If it cannot take their place, they leave it.
    async fn drop_refuted(
        &self,
        trip: &Trip,
        why: NotStored,
        mark: Option<Mark>,
        nominated: Option<Stored>,
    ) {
        let is_for_all = mark.is_some_and(|mark| mark.whose == Whose::Everybodys);
        if let Some(old) = nominated
            && is_for_all
            && why != NotStored::Status
        {
            self.store.remove(&trip.inbound.key, &old).get().await;
        }
    }

    /// What becomes of a response to a fetch. If it is stored, its fields may be in the stored head
    /// alone: see [`receive_whole`].
    fn take_in(&self, trip: &Trip, arrived: &mut Arrived) -> Receipt {
        let (inbound, wanted, times) = (&trip.inbound, &trip.wanted, arrived.times);
        if varies_by_client(arrived.response.headers()) {
            return self.judge(inbound, wanted, arrived);
        }
        let status = arrived.response.status();
        receive_whole(
            &inbound.as_fetched(),
            wanted.head().map(|head| &**head),
            &wanted.fields,
            (status, arrived.response.headers_mut()),
            inbound.policy(),
            self.in_touch.came(times),
        )
    }

    /// What becomes of a response to a fetch of what is wanted.
    pub(crate) fn judge(&self, inbound: &Inbound, wanted: &Wanted, arrived: &Arrived) -> Receipt {
        let response = ResponseHead {
            status: arrived.response.status(),
            headers: arrived.response.headers(),
        };
        let receipt = receive(
            &inbound.as_fetched(),
            wanted.head().map(|head| &**head),
            &wanted.fields,
            response,
            inbound.policy(),
            self.in_touch.came(arrived.times),
        );
        match receipt {
            Receipt::Store(_) if varies_by_client(response.headers) => {
                let is_own = [&header::RANGE, &header::IF_RANGE]
                    .iter()
                    .all(|name| wanted.fields.get(*name) == inbound.head.headers.get(*name));
                match response.status {
                    // Not what the client asked for, but slices around it.
                    StatusCode::PARTIAL_CONTENT if !is_own => {
                        Receipt::AskAgain(NotStored::VaryStar)
                    }
                    _ => Receipt::Relay(NotStored::VaryStar),
                }
            }
            Receipt::Freshened(_) | Receipt::Combine(_) if varies_by_client(response.headers) => {
                Receipt::FetchAgain
            }
            receipt => receipt,
        }
    }
}

fn serve_stale(lead: &Lead, status: u16, to_leader: ToLeader) {
    lead.tell(Progress::ServeStale(status));
    let _ = to_leader.send(Landed::ServeStale(status));
}

pub(crate) fn fail(lead: &Lead, failure: Failure, to_leader: ToLeader) {
    lead.tell(Progress::Failed(failure));
    let _ = to_leader.send(Landed::Failed(failure));
}
