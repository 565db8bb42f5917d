//! A response on its way into the store, read by all who wait for it while it comes.

use std::{ops::Range, sync::Arc, time::Instant};

use http::{HeaderMap, StatusCode, header};
use perigee_http_cache::{Failure, StoredHead, withheld};
use perigee_storage::{Fill, Verdict};
use perigee_upstream::Body as Relayed;

use crate::{
    arriving::{Arriving, Ended},
    exchange::Exchange,
    fetch::Trip,
    flight::{Arrival, Lead, Progress},
    lead::{ForLeader, Landed, ToLeader, fail},
    marks::Mark,
    rest::{Lacking, MOST_RESUMED},
    send::Arrived,
};

impl Exchange {
    /// A 304: the stored body has a new head. The body of the 304 is empty: nothing more is wanted
    /// of it.
    pub(crate) async fn freshen(
        &self,
        lead: Lead,
        trip: &Trip,
        head: StoredHead,
        arrived: Arrived,
        to_leader: ToLeader,
    ) {
        let Some(old) = &trip.wanted.stored else {
            return fail(&lead, Failure::Invalid, to_leader);
        };
        let (status, cache_status) = (arrived.response.status(), arrived.cache_status);
        let aged = arrived.response.headers().contains_key(header::AGE);
        drop(arrived.response);
        let (key, head) = (&trip.inbound.key, Arc::new(head));
        let new = old.freshened(Arc::clone(&head), arrived.asked);
        self.store.freshen(key, old, new.clone()).get().await;
        let purges = self.store.purges();
        let verdict = purges.verdict(key, Some(&head), arrived.asked);
        let arrival = Arrival {
            stored: new,
            kept: verdict == Verdict::Holds,
            status: status.as_u16(),
            cache_status: cache_status.into(),
        };
        share(&lead, &arrival);
        let _ = to_leader.send(Landed::Stored(ForLeader {
            arrival,
            withheld: HeaderMap::new(),
            aged,
            _first: None,
        }));
    }

    /// A response that may be stored, or a part that completes a stored one (`completes`).
    pub(crate) async fn keep(
        &self,
        lead: Lead,
        trip: &Trip,
        head: StoredHead,
        completes: bool,
        arrived: Arrived,
        to_leader: ToLeader,
    ) {
        let (inbound, length) = (&trip.inbound, head.body_length());
        let head = Arc::new(head);
        let (key, asked) = (&inbound.key, arrived.asked);
        let fill = self.store.fill(key, Arc::clone(&head), length, asked);
        let version = Arc::clone(&head);
        if fill.is_kept() && !self.store.purges().path_was_purged(key, asked) {
            self.searches.stored(&inbound.key, &head);
        }
        // What completes a stored part goes to those who wait even if it is not kept: without the
        // stored bytes it is no answer.
        if !fill.has_room() && !completes {
            self.drop_replaced(trip, &head).await;
            lead.tell_not_shared(Some(Mark::of_too_large(trip)), Instant::now());
            let _ = to_leader.send(too_large(trip, arrived));
            return;
        }
        let (parts, body) = arrived.response.into_parts();
        let arrival = Arrival {
            stored: fill.stored(),
            kept: fill.is_kept(),
            status: parts.status.as_u16(),
            cache_status: arrived.cache_status.into(),
        };
        let first = fill.body().read();
        share(&lead, &arrival);
        let _ = to_leader.send(Landed::Stored(ForLeader {
            arrival,
            withheld: withheld(&parts.headers, inbound.policy()),
            aged: parts.headers.contains_key(header::AGE),
            _first: Some(first),
        }));
        let arriving = Arriving::shared(body, lead, self.config.streaming.finish);
        self.pump(trip, &version, arriving, fill).await;
    }

    /// What is too large for the store does not take the place of what is stored; but it says that
    /// this is another version by now.
    async fn drop_replaced(&self, trip: &Trip, new: &StoredHead) {
        if let Some(old) = &trip.wanted.stored
            && new.held().is_none()
            && !new.is_same_version(&old.head)
        {
            self.store.remove(&trip.inbound.key, old).get().await;
        }
    }

    /// Moves a body into the store. One that breaks off goes on from the next source, for all who
    /// read along.
    async fn pump(&self, trip: &Trip, head: &StoredHead, mut arriving: Arriving, mut fill: Fill) {
        let mut resumed = 0;
        // A piece that brings nothing is asked for anew by those who wait for it.
        let mut came = trip.wanted.midway.is_some().then_some(0);
        let ended = loop {
            let why = match arriving.pour_into(&mut fill).await {
                Ok(()) if resumed > 0 && lacking(head, &fill).is_some() => {
                    "it ended before its end".to_owned()
                }
                Ok(()) => break fill.commit().map_err(|error| error.to_string()),
                Err(Ended::There(why)) => why,
                Err(Ended::Here(why)) => break give_up(arriving, fill, why),
            };
            let has_come = came.replace(fill.received()) != Some(fill.received());
            let goes_on = has_come && resumed < MOST_RESUMED && !fill.is_unread();
            let rest = match lacking(head, &fill).filter(|_| goes_on) {
                Some(bytes) => self.rest_of_fill(trip, head, bytes).await,
                None => None,
            };
            match rest {
                Some(rest) => arriving.go_on(rest),
                None => break give_up(arriving, fill, why),
            }
            resumed += 1;
        };
        if let Err(error) = ended
            && let Some(held_back) = self.failures.pass(Instant::now())
        {
            let key = &trip.inbound.key;
            tracing::info!(%key, error, held_back, "a response is not stored");
        }
    }

    async fn rest_of_fill(
        &self,
        trip: &Trip,
        head: &StoredHead,
        bytes: Range<u64>,
    ) -> Option<Relayed> {
        let lacking = Lacking {
            inbound: &trip.inbound,
            next: &trip.next,
            head,
            bytes,
            is_fetch: true,
        };
        // Who is healthy may be others by now.
        let hops = trip.next.route(&trip.inbound).up;
        self.rest_of(lacking, &hops).await.ok()
    }
}

/// The bytes of the representation that have yet to come, if their rest can be asked for.
fn lacking(head: &StoredHead, fill: &Fill) -> Option<Range<u64>> {
    let span = head.span().filter(|_| head.can_be_completed())?;
    let rest = span.start.saturating_add(fill.received())..span.end;
    (!rest.is_empty()).then_some(rest)
}

/// Nobody joins any more when those who read along see the break, and ask again. What has come is
/// kept where it can be completed.
fn give_up(arriving: Arriving, fill: Fill, why: String) -> Result<(), String> {
    drop(arriving);
    keep_front(fill);
    Err(why)
}

/// Tells those who wait of a response, if it may be for all of them.
fn share(lead: &Lead, arrival: &Arrival) {
    if arrival.stored.head.answers_many() {
        lead.tell(Progress::Arrived(arrival.clone()));
    } else {
        lead.tell_not_shared(None, Instant::now());
    }
}

/// It streams through to the one who asked; unless that one wants a part of it, which the next tier
/// can give it without sending the rest.
fn too_large(trip: &Trip, arrived: Arrived) -> Landed {
    let is_part = arrived.response.status() == StatusCode::PARTIAL_CONTENT;
    let wants_part = trip.inbound.head.headers.contains_key(header::RANGE);
    match wants_part && !is_part {
        true => Landed::ForItself,
        false => Landed::Alone(arrived),
    }
}

/// A body has broken off: what has come of it is kept where it can be completed (RFC 9111 section
/// 3.3), and else nothing is.
fn keep_front(fill: Fill) {
    let front = fill.stored().head.cut_short(fill.received());
    if let Some(head) = front {
        fill.keep_part(Arc::new(head));
    }
}
