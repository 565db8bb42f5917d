//! What cannot be answered at once: ask the owner, or fetch, once for all who want it.

use std::{
    future::Future,
    sync::{Arc, atomic::AtomicU64},
    time::{Instant, SystemTime},
};

use http::{HeaderMap, header};
use perigee_http_cache::{Decision, Failure, Miss, StoredHead, decide, first_byte, has_field};
use perigee_storage::Stored;
use tokio::sync::oneshot::{self, error::RecvError};

use crate::{
    InFlight, Inbound, NextHop,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    flight::{Bytes, Joined, Lead, Progress, Sought},
    heat::Copy,
    lead::{Errand, Landed},
    marks::Whose,
    moment::Moment,
    next_hop::{Hop, Route},
    outcome::to_leader_alone,
    outlive::Outlive,
    passing::Way,
    told::Listener,
};

/// What a fetch asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// What it sends in place of the client's own conditional fields and Range.
    pub(crate) fields: HeaderMap,
    /// The stored response that it is to validate or complete, and that may stand in when it fails.
    pub(crate) stored: Option<Stored>,
    /// What is wanted goes on with an answer under this head, which is being sent: another version
    /// is of no use.
    pub(crate) midway: Option<Arc<StoredHead>>,
}

impl Wanted {
    /// As `decide` has it, of these stored responses.
    pub(crate) fn over(variants: &[Stored], variant: Option<usize>, fields: HeaderMap) -> Self {
        let stored = variant.and_then(|variant| variants.get(variant)).cloned();
        Wanted {
            fields,
            stored,
            midway: None,
        }
    }

    /// Whether it asks for anything but the whole.
    pub(crate) fn is_particular(&self) -> bool {
        self.stored.is_some() || !self.fields.is_empty()
    }

    pub(crate) fn head(&self) -> Option<&Arc<StoredHead>> {
        let stored = self.stored.as_ref().map(|stored| &stored.head);
        self.midway.as_ref().or(stored)
    }

    /// The bytes that it asks for of the version that is stored.
    fn bytes(&self) -> Option<Bytes> {
        let head = self.head()?;
        Some(Bytes {
            positions: head.asked(&self.fields)?,
            version: head.version()?,
        })
    }
}

/// A fetch: for which request, where to, and what it asks for. Shared by who asks and who fetches.
#[derive(Clone)]
pub(crate) struct Trip {
    pub(crate) inbound: Arc<Inbound>,
    pub(crate) next: Arc<dyn NextHop>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) wanted: Wanted,
    /// How what comes from the owner of the key is kept, if that is another node.
    pub(crate) copy: Option<Copy>,
}

impl Trip {
    /// What other requests of this kind want of the fetch, too.
    pub(crate) fn sought(&self) -> Sought<'_> {
        let bytes = self.wanted.bytes();
        let is_part = bytes.is_none() && self.wanted.fields.contains_key(header::RANGE);
        let range = || self.inbound.head.headers.get(header::RANGE);
        Sought {
            of: self.wanted.head(),
            bytes,
            range: is_part.then(range).flatten(),
            first: is_part.then(|| first_byte(&self.wanted.fields)).flatten(),
            whose: self.whose(),
        }
    }

    /// Whose answer it is likely to be.
    pub(crate) fn whose(&self) -> Whose {
        let headers = &self.inbound.head.headers;
        if has_field(headers, &header::AUTHORIZATION) {
            Whose::Authorized
        } else if has_field(headers, &header::COOKIE) {
            Whose::Cookies
        } else {
            Whose::Everybodys
        }
    }

    /// Whether the answer may be one for all who wait. What must be validated at each use is
    /// validated for each request, side by side.
    pub(crate) fn may_be_shared(&self) -> bool {
        self.wanted.head().is_none_or(|head| head.answers_many())
    }
}

/// Flights of one key that a request joins, each for another variant than its own, before it
/// fetches for itself alone.
pub(crate) const MAX_TRIED: usize = 3;

/// What came of waiting for another one's fetch.
enum Followed {
    /// An answer. `None`: nothing for this request, since it was another variant or not enough.
    Answered(Option<Box<Answer>>),
    /// Nothing was fetched: the one who was to had its answer in the store by then.
    Nothing,
    /// What came is for one request alone.
    NotShared,
    /// It takes too long.
    TooLong,
}

/// What a fetch led to, for the one who began it.
enum Led {
    /// An answer. `None`: what came is not all that it wants.
    Answered(Option<Box<Answer>>),
    /// The next tier can answer it as it asks for itself.
    ForItself,
}

/// What others have fetched since this request has looked.
enum Meanwhile {
    /// Nothing of use to it.
    Nothing,
    /// All that it wants.
    All(Box<Answer>),
    /// Some of it: this is what it wants now.
    Part(Wanted),
}

impl Exchange {
    /// Answers with what the next hop has, and stores it where this node is the one to store it. Where
    /// it goes is found out at once: what that takes is not kept while the answer is waited for.
    pub(crate) fn fetch(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        next: Arc<dyn NextHop>,
        why: Miss,
        wanted: Wanted,
    ) -> impl Future<Output = Box<Answer>> + Send {
        let Route {
            sideways,
            up,
            passed_over,
            own,
        } = next.route(&inbound);
        self.metrics.passed_over(passed_over.as_ref());
        let trip = Arc::new(Trip {
            inbound,
            next,
            hops: up,
            wanted,
            copy: None,
        });
        self.fetch_by(trip, sideways, own, why)
    }

    /// The same, by what the route of a request says.
    async fn fetch_by(
        self: &Arc<Self>,
        mut trip: Arc<Trip>,
        sideways: Vec<Hop>,
        own: Option<Arc<AtomicU64>>,
        why: Miss,
    ) -> Box<Answer> {
        if sideways.is_empty() {
            let under_way = own.and_then(|own| InFlight::enter(&own, u64::MAX));
            let came = trip.inbound.came();
            let mut answer = self.join(trip, why, came).await;
            answer.count(under_way);
            return answer;
        }
        let copy = self.heat.asked(trip.inbound.place(), Instant::now());
        if copy.is_hot || trip.wanted.stored.is_some() {
            let trip = Arc::make_mut(&mut trip);
            trip.hops.splice(..0, sideways);
            trip.copy = Some(copy);
        } else if let Some(answer) = Box::pin(self.ask_owner(&trip, &sideways, why)).await {
            return Box::new(answer);
        }
        self.join(trip, why, Moment::now()).await
    }

    /// Waits for the fetch that is under way, or begins one. What a fetch seldom comes to is in boxes of
    /// its own, here and below: each miss would have the room for it moved about otherwise.
    async fn join(
        self: &Arc<Self>,
        mut trip: Arc<Trip>,
        why: Miss,
        mut now: Moment,
    ) -> Box<Answer> {
        let mut tried = Vec::new();
        while trip.may_be_shared() && tried.len() < MAX_TRIED {
            let (key, instant) = (&trip.inbound.key, now.instant);
            let (id, answer) = match self.flights.join(key, trip.sought(), &tried, instant) {
                Joined::Marked => {
                    let detail = Some(Detail::HitForMiss);
                    return Box::new(Box::pin(self.forward(&trip, why, detail)).await);
                }
                Joined::Lead(lead) => {
                    // Between the lookup and the join, the fetch of another one may have ended.
                    if self.flights.landings() != trip.inbound.landings {
                        let meanwhile = Box::pin(self.stored_meanwhile(&trip)).await;
                        now = Moment::now();
                        match meanwhile {
                            Meanwhile::Nothing => {}
                            Meanwhile::All(answer) => return answer,
                            // Who joins is to know what is fetched, and it may be under way by now.
                            Meanwhile::Part(wanted) => {
                                tried.push(lead.id);
                                Arc::make_mut(&mut trip).wanted = wanted;
                                continue;
                            }
                        }
                    }
                    (Some(lead.id), self.take_off(lead, &trip, why, now).await)
                }
                Joined::Follow(id, progress) => {
                    match Box::pin(self.follow(&trip, progress, why)).await {
                        Followed::Answered(answer) => (Some(id), answer),
                        // That says nothing of variants, and nobody can join it any more.
                        Followed::Nothing => (None, None),
                        Followed::NotShared => {
                            return Box::new(Box::pin(self.forward(&trip, why, None)).await);
                        }
                        Followed::TooLong => break,
                    }
                }
            };
            if let Some(answer) = answer {
                return answer;
            }
            tried.extend(id);
            // It may have come by what it still lacks.
            let wanted = trip.wanted.clone();
            let wanted = Box::pin(self.wanted_now(&trip.inbound, wanted)).await;
            Arc::make_mut(&mut trip).wanted = wanted;
            now = Moment::now();
        }
        Box::pin(self.fetch_alone(&trip, why)).await
    }

    /// Fetches for this request, and for nobody else.
    async fn fetch_alone(self: &Arc<Self>, trip: &Arc<Trip>, why: Miss) -> Box<Answer> {
        let lead = self.flights.alone(&trip.inbound.key, trip.sought());
        match self.take_off(lead, trip, why, Moment::now()).await {
            Some(answer) => answer,
            // The next tier may answer what cannot be answered out of what came.
            None => Box::new(self.forward(trip, why, None).await),
        }
    }

    /// Fetches, for this request and for all who join. `None`: what came is not all that this
    /// request wants.
    fn take_off(
        self: &Arc<Self>,
        lead: Lead,
        trip: &Arc<Trip>,
        why: Miss,
        now: Moment,
    ) -> impl Future<Output = Option<Box<Answer>>> + Send {
        let (to_leader, landed) = oneshot::channel();
        // The fetch outlives a client that leaves.
        let fetch = Outlive::new(Errand {
            exchange: Arc::clone(self),
            lead,
            trip: Arc::clone(trip),
            to_leader,
            now,
        });
        self.answer_landed(fetch.until(landed), trip, why)
    }

    async fn answer_landed(
        self: &Arc<Self>,
        landed: impl Future<Output = Result<Landed, RecvError>> + Send,
        trip: &Arc<Trip>,
        why: Miss,
    ) -> Option<Box<Answer>> {
        // What is looked at on the way to an answer is not kept while another one is waited for.
        let answer = match self.led_to(landed.await, trip, why) {
            Led::Answered(answer) => return answer,
            Led::ForItself => Box::pin(self.forward(trip, why, None)).await,
        };
        Some(Box::new(answer))
    }

    /// What has come of a fetch, for the one who began it.
    fn led_to(
        self: &Arc<Self>,
        landed: Result<Landed, RecvError>,
        trip: &Arc<Trip>,
        why: Miss,
    ) -> Led {
        let handling = Handling::forwarded(why);
        let answer = match landed.unwrap_or(Landed::Failed(Failure::Unreachable)) {
            Landed::Stored(stored) => {
                let kept = stored.arrival.kept;
                match self.stored_for_leader(trip, stored, handling) {
                    // The next fetch would come to the same.
                    None if !kept => return Led::ForItself,
                    answer => return Led::Answered(answer),
                }
            }
            Landed::Alone(arrived) => {
                let answer = to_leader_alone(trip, *arrived, handling);
                self.passing_on(answer, &trip.inbound, &trip.next, Way::Fetched)
            }
            Landed::ForItself => return Led::ForItself,
            Landed::ServeStale(status) => {
                let handling = handling.with_status(status);
                self.or_stale(trip, Failure::Unreachable, handling)
            }
            Landed::Failed(failure) => self.or_stale(trip, failure, handling),
        };
        Led::Answered(Some(Box::new(answer)))
    }

    /// Waits for another one's fetch, though not for ever.
    async fn follow(
        self: &Arc<Self>,
        trip: &Trip,
        progress: Listener<Progress>,
        why: Miss,
    ) -> Followed {
        let waits = self.waiting.begin();
        let late = progress.with(Progress::is_settled);
        let settled = progress.until(Progress::is_settled);
        let waited = tokio::time::timeout(self.config.coalesce_wait, settled).await;
        drop(waits);
        let progress = match waited {
            Ok(Some(progress)) => progress,
            Ok(None) => return Followed::Nothing,
            Err(_) => return Followed::TooLong,
        };
        let handling = Handling {
            collapsed: true,
            ..Handling::forwarded(why)
        };
        let answer = match progress {
            Progress::Waiting => return Followed::TooLong,
            Progress::NotShared => return Followed::NotShared,
            Progress::Arrived(arrival) => self.from_arrival(trip, &arrival, handling, late),
            // It is the error of the variant that was validated: of others it says nothing.
            Progress::ServeStale(_) if trip.wanted.stored.is_none() => None,
            Progress::ServeStale(status) => {
                let handling = handling.with_status(status);
                Some(self.or_stale(trip, Failure::Unreachable, handling))
            }
            Progress::Failed(failure) => Some(self.or_stale(trip, failure, handling)),
        };
        Followed::Answered(answer.map(Box::new))
    }

    /// What the fetch of another one has stored since this request has looked.
    async fn stored_meanwhile(self: &Arc<Self>, trip: &Trip) -> Meanwhile {
        let inbound = &trip.inbound;
        let variants = self.store.lookup(&inbound.key).get().await;
        let policy = inbound.policy();
        match decide(
            &inbound.as_sent(),
            &variants,
            policy,
            self.in_touch.at(SystemTime::now()),
        ) {
            Decision::Serve(serve) => {
                let (stored, handling) = (&variants[serve.variant], Handling::hit(serve.ttl));
                let answer = self.out_of_store(inbound, &trip.next, stored, &serve, handling);
                Meanwhile::All(Box::new(answer))
            }
            // What goes on with an answer wants what it wanted.
            Decision::Fetch {
                variant, fields, ..
            } if trip.wanted.midway.is_none() && fields != trip.wanted.fields => {
                Meanwhile::Part(Wanted::over(&variants, variant, fields))
            }
            _ => Meanwhile::Nothing,
        }
    }

    /// What is wanted after a fetch has changed what is stored; as before, if it has not.
    async fn wanted_now(&self, inbound: &Inbound, before: Wanted) -> Wanted {
        let variants = self.store.lookup(&inbound.key).get().await;
        let policy = inbound.policy();
        match decide(
            &inbound.as_sent(),
            &variants,
            policy,
            self.in_touch.at(SystemTime::now()),
        ) {
            Decision::Fetch {
                variant, fields, ..
            } => Wanted::over(&variants, variant, fields),
            _ => before,
        }
    }
}

#[cfg(test)]
mod tests;
