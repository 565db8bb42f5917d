//! A response on its way into the store, read by all who wait for it while it comes.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use perigee_http_cache::{CacheKey, Failure, FieldText, StoredHead, receive_lines};
use perigee_storage::{Fill, MOST_AT_HAND, Revision, Taken, Verdict};
use perigee_upstream::{Came, Lines, Whole, body::full};

use crate::{
    arriving::Arriving,
    at_hand::at_hand,
    exchange::Exchange,
    fetch::Trip,
    flight::{Arrival, Lead, Progress},
    lead::{ForLeader, Landed, OwnFields, ToLeader, fail},
    marks::Mark,
    send::Arrived,
};

/// What became of a response that may be stored by the lines of its fields.
pub(crate) enum ByLines {
    Stored(Taken, Arrived<()>),
    /// It is to be treated as any other.
    Not(Arrived),
}

impl Exchange {
    /// A 304: the stored body has a new head. The body of the 304 is empty: nothing more is wanted
    /// of it.
    pub(crate) async fn freshen(
        &self,
        lead: Lead,
        trip: &Trip,
        head: Arc<StoredHead>,
        arrived: Arrived,
        to_leader: ToLeader,
    ) {
        let Some(old) = &trip.wanted.stored else {
            return fail(&lead, Failure::Invalid, to_leader);
        };
        let aged = arrived.response.headers().contains_key(header::AGE);
        let (owner, asked) = (owner(&arrived), self.asked(&arrived));
        let (status, cache_status) = (arrived.response.status(), arrived.cache_status);
        drop(arrived.response);
        let key = &trip.inbound.key;
        let new = old.freshened(Arc::clone(&head), asked);
        self.store.freshen(key, old, new.clone()).get().await;
        let purges = self.store.purges();
        let verdict = purges.verdict(key, Some(&head), asked);
        let arrival = Arrival {
            stored: new,
            kept: verdict == Verdict::Holds,
            status: status.as_u16(),
            cache_status: shared(cache_status),
        };
        share(&lead, &arrival);
        let _ = to_leader.send(Landed::Stored(Box::new(ForLeader {
            arrival,
            fields: OwnFields {
                withheld: HeaderMap::new(),
                aged,
            },
            owner,
            _first: None,
        })));
    }

    /// A response that may be stored, or a part that completes a stored one (`completes`).
    pub(crate) async fn keep(
        &self,
        lead: Lead,
        trip: &Trip,
        head: Arc<StoredHead>,
        completes: bool,
        mut arrived: Arrived,
        to_leader: ToLeader,
    ) {
        if !completes && !is_for_here(trip, &head, &arrived) {
            arrived.give_back(&head);
            let relay = self.relay_owners(lead, trip, &head, arrived, to_leader);
            return Box::pin(relay).await;
        }
        let (inbound, length) = (&trip.inbound, head.body_length());
        let (key, asked) = (&inbound.key, self.asked(&arrived));
        if !completes && let Some(taken) = self.take(key, &head, &mut arrived, asked).await {
            let fields = OwnFields::of(arrived.response.headers(), inbound.policy());
            let own = (arrived.response.status(), fields);
            return self.land(lead, trip, taken, arrived, own, to_leader);
        }
        let fill = self.store.fill(key, Arc::clone(&head), length, asked);
        let version = Arc::clone(&head);
        if fill.is_kept() {
            self.note_search(key, &head, asked);
        }
        // What completes a stored part goes to those who wait even if it is not kept: without the
        // stored bytes it is no answer.
        if !fill.has_room() && !completes {
            arrived.give_back(&head);
            Box::pin(self.drop_replaced(trip, &head)).await;
            lead.tell_not_shared(Some(Mark::of_too_large(trip)), Instant::now());
            let _ = to_leader.send(too_large(trip, arrived));
            return;
        }
        let arriving = self.begin(lead, trip, &fill, arrived, to_leader);
        // What has come whole needs no room for it.
        Box::pin(self.pump(trip, &version, arriving, fill)).await;
    }

    /// Tells all who wait of a response that is being stored. Its body is yet to come.
    fn begin(
        &self,
        lead: Lead,
        trip: &Trip,
        fill: &Fill,
        arrived: Arrived,
        to_leader: ToLeader,
    ) -> Arriving {
        let owner = self.owner_of_copy(&arrived);
        let (parts, body) = arrived.response.into_parts();
        let arrival = Arrival {
            stored: fill.stored(),
            kept: fill.is_kept(),
            status: parts.status.as_u16(),
            cache_status: shared(arrived.cache_status),
        };
        let first = fill.body().read();
        share(&lead, &arrival);
        let _ = to_leader.send(Landed::Stored(Box::new(ForLeader {
            fields: OwnFields::of(&parts.headers, trip.inbound.policy()),
            arrival,
            owner,
            _first: Some(first),
        })));
        Arriving::shared(body, lead, self.config.streaming.finish)
    }

    /// Stores a response that has come whole with its head, where the store takes it so. Else it is
    /// as it was.
    async fn take(
        &self,
        key: &CacheKey,
        head: &Arc<StoredHead>,
        arrived: &mut Arrived,
        asked: Revision,
    ) -> Option<Taken> {
        let length = head.length.filter(|length| *length <= MOST_AT_HAND)?;
        let body = at_hand(arrived.response.body_mut(), length).await?;
        // Of its own: as it came, it would keep all of a read buffer in memory.
        let body = Bytes::copy_from_slice(&body);
        let taken = self.store.keep(key, head, body, asked);
        let given_back = |body| *arrived.response.body_mut() = full(body);
        taken.map_err(given_back).ok()
    }

    /// Stores a usual response by the lines of its fields, where the store takes it so and nothing is to be
    /// looked up among them. Else it is treated as any other.
    pub(crate) fn keep_whole(&self, trip: &Trip, arrived: Arrived<Came>) -> ByLines {
        let (policy, (came, rest)) = (trip.inbound.policy(), arrived.split());
        let Whole { lines, body } = match came {
            Came::Whole(whole) => *whole,
            any => return ByLines::Not(rest.with(any, policy)),
        };
        let length = body.len() as u64;
        let lines = Box::new(FieldText::new(lines.text, lines.ends));
        let came = self.in_touch.came(rest.times);
        let received = receive_lines(&trip.inbound.as_fetched(), (lines, length), policy, came);
        let (lines, body) = match received {
            Ok(head) => {
                let key = &trip.inbound.key;
                match self.store.keep(key, &head, body, rest.asked) {
                    Ok(taken) => return ByLines::Stored(taken, rest),
                    Err(body) => (head.headers.lines().cloned().unwrap_or_default(), body),
                }
            }
            Err(lines) => (*lines, body),
        };
        let (text, ends) = lines.into_parts();
        let lines = Lines { text, ends };
        let whole = Box::new(Whole { lines, body });
        ByLines::Not(rest.with(Came::Whole(whole), policy))
    }

    /// It is stored: nobody has to wait for its body, or can join its fetch any more.
    pub(crate) fn land<R>(
        &self,
        lead: Lead,
        trip: &Trip,
        taken: Taken,
        arrived: Arrived<R>,
        (status, fields): (StatusCode, OwnFields),
        to_leader: ToLeader,
    ) {
        let Taken { stored, is_kept } = taken;
        let head = Arc::clone(&stored.head);
        if is_kept {
            self.note_search(&trip.inbound.key, &head, self.asked(&arrived));
        }
        let owner = self.owner_of_copy(&arrived);
        let arrival = Arrival {
            stored,
            kept: is_kept,
            status: status.as_u16(),
            cache_status: shared(arrived.cache_status),
        };
        match head.answers_many() {
            true => lead.land(&arrival),
            false => lead.tell_not_shared(None, Instant::now()),
        }
        let _ = to_leader.send(Landed::Stored(Box::new(ForLeader {
            fields,
            arrival,
            owner,
            _first: None,
        })));
    }

    /// A response is kept that may be the answer to other queries, too.
    fn note_search(&self, key: &CacheKey, head: &StoredHead, asked: Revision) {
        if head.search().is_some() && !self.store.purges().path_was_purged(key, asked) {
            self.searches.stored(key, head);
        }
    }

    /// The node of this PoP that a response is kept at, of which this is a copy then.
    fn owner_of_copy<R>(&self, arrived: &Arrived<R>) -> Option<String> {
        let owner = owner(arrived);
        if owner.is_some() {
            self.metrics.copied();
        }
        owner
    }

    /// What another node owns, and is not worth a copy, goes to the one who asked.
    async fn relay_owners(
        &self,
        lead: Lead,
        trip: &Trip,
        head: &StoredHead,
        arrived: Arrived,
        to_leader: ToLeader,
    ) {
        if trip.inbound.policy().no_vary_search {
            self.searches.learn(&trip.inbound.key, head.search());
        }
        self.drop_replaced(trip, head).await;
        // It stays too large for a while. But it may be hot soon, and known to its end.
        let is_large = trip.copy.is_some_and(|copy| copy.is_hot) && head.length.is_some();
        let mark = is_large.then(|| Mark::of_too_large(trip));
        lead.tell_not_shared(mark, Instant::now());
        let _ = to_leader.send(too_large(trip, arrived));
    }

    /// The last purge that a response has seen. Its owner may have heard of purges later than this
    /// node, and answered with what had been purged here before: so those of the last seconds count
    /// as if they had come after it.
    fn asked<R>(&self, arrived: &Arrived<R>) -> Revision {
        match owner(arrived) {
            Some(_) => self.heat.settled(self.store.purges().now(), Instant::now()),
            None => arrived.asked,
        }
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
}

impl Arrived {
    /// The fields that were taken for this head, which is not stored after all.
    fn give_back(&mut self, head: &StoredHead) {
        let fields = self.response.headers_mut();
        if fields.is_empty() {
            *fields = head.as_came();
        }
    }
}

/// Whether a response is for this node to keep.
pub(crate) fn is_for_here(trip: &Trip, head: &StoredHead, arrived: &Arrived) -> bool {
    let is_taken = trip.copy.is_none_or(|copy| copy.takes(head));
    owner(arrived).is_none() || is_taken
}

/// The node of this PoP that a response is kept at.
fn owner<R>(arrived: &Arrived<R>) -> Option<String> {
    arrived.peer().map(str::to_owned)
}

/// Mostly there is none.
fn shared(cache_status: Vec<HeaderValue>) -> Arc<[HeaderValue]> {
    match cache_status.is_empty() {
        true => Arc::default(),
        false => cache_status.into(),
    }
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
        false => Landed::Alone(Box::new(arrived)),
    }
}
