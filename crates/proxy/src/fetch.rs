//! What cannot be answered at once: ask the owner, or fetch, once for all who want it.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, header};
use perigee_http_cache::{Decision, Failure, Miss, StoredHead, decide};
use perigee_storage::Stored;
use perigee_upstream::Body as Relayed;
use tokio::sync::{oneshot, watch};

use crate::{
    Inbound, NextHop,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    flight::{Joined, Progress, Sought},
    lead::ForLeader,
    next_hop::Hop,
    onward::request_head,
    outcome::{from_arrival, or_stale, with_status},
};

/// What a fetch asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// What it sends in place of the client's own conditional fields and Range.
    pub(crate) fields: HeaderMap,
    /// The stored response that it is to validate, and that may stand in when it fails.
    pub(crate) stored: Option<Stored>,
}

impl Wanted {
    /// As `decide` has it, of these stored responses.
    pub(crate) fn over(variants: &[Stored], variant: Option<usize>, fields: HeaderMap) -> Self {
        let stored = variant.and_then(|variant| variants.get(variant)).cloned();
        Wanted { fields, stored }
    }

    /// Whether it asks for anything but the whole.
    pub(crate) fn is_particular(&self) -> bool {
        self.stored.is_some() || !self.fields.is_empty()
    }

    /// What other requests of this kind want of the fetch, too.
    pub(crate) fn sought<'a>(&'a self, inbound: &'a Inbound) -> Sought<'a> {
        let is_part = self.fields.contains_key(header::RANGE);
        let range = inbound.head.headers.get(header::RANGE);
        Sought {
            of: self.head(),
            // Bytes are asked for, too, where those of a whole are completed.
            range: range.filter(|_| is_part),
        }
    }

    pub(crate) fn head(&self) -> Option<&Arc<StoredHead>> {
        self.stored.as_ref().map(|stored| &stored.head)
    }
}

/// Whether what this request is answered is likely for its sender alone, too.
fn is_authorized(inbound: &Inbound) -> bool {
    let headers = &inbound.head.headers;
    headers.contains_key(header::AUTHORIZATION)
}

/// Flights of one key that a request joins, each for another variant than its own, before it
/// fetches for itself alone.
const MAX_TRIED: usize = 3;

/// A place on a flight.
struct Aboard {
    flight: u64,
    progress: watch::Receiver<Progress>,
    /// What only the one who leads gets.
    own: Option<oneshot::Receiver<ForLeader>>,
}

impl Exchange {
    /// Answers with what the next hop has, and stores it where this node is the one to store it.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
        why: Miss,
        mut wanted: Wanted,
    ) -> Answer {
        let route = next.route(&inbound);
        if !route.sideways.is_empty()
            && let Some(answer) = self.ask_owner(&inbound, &*next, &route.sideways, why).await
        {
            return answer;
        }
        let mut tried = Vec::new();
        let mut alone = false;
        loop {
            let joined = match alone {
                true => Joined::Lead(self.flights.alone(&inbound.key)),
                false => self
                    .flights
                    .join(&inbound.key, wanted.sought(&inbound), &tried),
            };
            if matches!(joined, Joined::Lead(_))
                && !alone
                && let Some(answer) = self.stored_meanwhile(&inbound).await
            {
                return answer;
            }
            let Aboard {
                flight,
                progress,
                mut own,
            } = self.take_off(joined, &inbound, &next, &route.up, &wanted);
            let collapsed = own.is_none();
            // Who leads is never late, however soon the answer is there.
            let late = collapsed && !matches!(*progress.borrow(), Progress::Waiting);
            let handling = Handling {
                collapsed,
                ..Handling::forwarded(why)
            };
            match self.settled(progress, collapsed).await {
                Some(Progress::Arrived(arrival)) => {
                    if let Some(mut answer) = from_arrival(&inbound, arrival, handling, late) {
                        let mine = own.as_mut().and_then(|own| own.try_recv().ok());
                        if let Some(ForLeader::Withheld(fields)) = mine {
                            answer.response.headers_mut().extend(fields);
                        }
                        return answer;
                    }
                    tried.push(flight);
                    // It may have come by what it still lacks.
                    wanted = self.wanted_now(&inbound, wanted).await;
                }
                Some(Progress::ServeStale(status)) => {
                    let handling = Handling {
                        forward_status: Some(status),
                        ..handling
                    };
                    return or_stale(&inbound, wanted.stored, Failure::Unreachable, handling);
                }
                Some(Progress::Failed(failure)) => {
                    return or_stale(&inbound, wanted.stored, failure, handling);
                }
                Some(Progress::Personal) if collapsed && !is_authorized(&inbound) => {
                    tried.push(flight);
                }
                Some(Progress::NotShared | Progress::Personal) => {
                    let arrived = match own {
                        Some(own) => own.await.ok(),
                        None => None,
                    };
                    return match arrived {
                        Some(ForLeader::Response(arrived)) => {
                            let handling = with_status(handling, &arrived);
                            Answer::relayed(arrived, handling)
                        }
                        _ => self.pass(inbound, body, next, why).await,
                    };
                }
                // Waited long enough for another one's fetch.
                Some(Progress::Waiting) => tried.resize(MAX_TRIED, flight),
                // Nobody fetches it any more.
                None => tried.push(flight),
            }
            if alone {
                return or_stale(
                    &inbound,
                    wanted.stored,
                    Failure::Unreachable,
                    Handling::forwarded(why),
                );
            }
            alone = tried.len() >= MAX_TRIED;
        }
    }

    /// Waits for the fetch that was joined, or starts the one that was begun.
    fn take_off(
        self: &Arc<Self>,
        joined: Joined,
        inbound: &Arc<Inbound>,
        next: &Arc<dyn NextHop>,
        hops: &[Hop],
        wanted: &Wanted,
    ) -> Aboard {
        let lead = match joined {
            Joined::Lead(lead) => lead,
            Joined::Follow(flight, progress) => {
                return Aboard {
                    flight,
                    progress,
                    own: None,
                };
            }
        };
        let (to_leader, own) = oneshot::channel();
        let aboard = Aboard {
            flight: lead.id,
            progress: lead.follow(),
            own: Some(own),
        };
        // A task of its own: the fetch outlives a client that leaves.
        tokio::spawn(Arc::clone(self).lead(
            lead,
            Arc::clone(inbound),
            Arc::clone(next),
            hops.to_vec(),
            wanted.clone(),
            to_leader,
        ));
        aboard
    }

    /// Waits until a fetch has come to something; for another one's fetch only so long, and then it
    /// is still `Waiting`. `None` if it was lost.
    async fn settled(
        &self,
        mut progress: watch::Receiver<Progress>,
        bounded: bool,
    ) -> Option<Progress> {
        let settled = progress.wait_for(|p| !matches!(p, Progress::Waiting));
        let waited = if bounded {
            tokio::time::timeout(self.config.coalesce_wait, settled).await
        } else {
            Ok(settled.await)
        };
        match waited {
            Ok(Ok(progress)) => Some(progress.clone()),
            Ok(Err(_)) => None,
            Err(_) => Some(Progress::Waiting),
        }
    }

    /// Between the lookup and the join, the fetch of another one may have ended.
    async fn stored_meanwhile(&self, inbound: &Inbound) -> Option<Answer> {
        let variants = self.store.lookup(&inbound.key).get().await;
        let policy = inbound.policy();
        match decide(&inbound.as_sent(), &variants, policy, SystemTime::now()) {
            Decision::Serve(serve) => Some(Answer::stored(
                inbound.sender,
                &variants[serve.variant],
                &serve,
                Handling::hit(serve.ttl),
            )),
            _ => None,
        }
    }

    /// What is wanted after a fetch has changed what is stored; as before, if it has not.
    async fn wanted_now(&self, inbound: &Inbound, before: Wanted) -> Wanted {
        let variants = self.store.lookup(&inbound.key).get().await;
        let policy = inbound.policy();
        match decide(&inbound.as_sent(), &variants, policy, SystemTime::now()) {
            Decision::Fetch {
                variant, fields, ..
            } => Wanted::over(&variants, variant, fields),
            _ => before,
        }
    }

    /// Asks the edge that owns the key. `None`: no owner could be asked, so that this node
    /// stands in for it.
    async fn ask_owner(
        &self,
        inbound: &Inbound,
        next: &dyn NextHop,
        owners: &[Hop],
        why: Miss,
    ) -> Option<Answer> {
        let head = request_head(&inbound.head, &self.config.node, self.loop_id(inbound));
        let empty = perigee_upstream::body::empty();
        let sent = self.send_over(owners, next, inbound, &head, empty).await;
        let arrived = sent.ok()?;
        let peer = arrived.hop.clone();
        let handling = Handling {
            detail: Some(Detail::Peer(peer)),
            ..with_status(Handling::forwarded(why), &arrived)
        };
        Some(Answer::relayed(arrived, handling))
    }

    /// CDN-Loop is written once per CDN: by the node that a client came to.
    pub(crate) fn loop_id(&self, inbound: &Inbound) -> Option<&str> {
        (inbound.sender == crate::Sender::Client).then_some(self.config.cdn_id.as_str())
    }
}
