//! What cannot be answered at once: ask the owner, or fetch, once for all who want it.

use std::sync::Arc;

use http::HeaderMap;
use perigee_http_cache::{Failure, Miss, Recovery, answer, recover};
use perigee_storage::Stored;
use perigee_upstream::Body as Relayed;
use tokio::sync::{oneshot, watch};

use crate::{
    Inbound, NextHop,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    flight::{Arrival, Flights, Joined, Progress},
    lead::ForLeader,
    next_hop::{Arrived, Hop, send_over},
    onward::request_head,
};

/// A stored response that is not fresh, and the conditions to validate it by.
pub(crate) type Stale = (Stored, HeaderMap);

impl Exchange {
    /// Answers with what the next hop has, and stores it where this node is the one to store it.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        inbound: Arc<Inbound>,
        body: Relayed,
        next: Arc<dyn NextHop>,
        why: Miss,
        stale: Option<Stale>,
    ) -> Answer {
        let route = next.route(&inbound);
        if !route.sideways.is_empty()
            && let Some(answer) = self.ask_owner(&inbound, &*next, &route.sideways, why).await
        {
            return answer;
        }
        let mut alone = false;
        loop {
            let (progress, mut own) = self.take_off(&inbound, &next, &route.up, &stale, alone);
            let collapsed = own.is_none();
            let late = !matches!(*progress.borrow(), Progress::Waiting);
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
                }
                Some(Progress::ServeStale(status)) => {
                    let handling = Handling {
                        forward_status: Some(status),
                        ..handling
                    };
                    return or_stale(&inbound, stale, Failure::Unreachable, handling);
                }
                Some(Progress::Failed(failure)) => {
                    return or_stale(&inbound, stale, failure, handling);
                }
                Some(Progress::NotShared) => {
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
                Some(Progress::Waiting) | None => {}
            }
            if alone {
                return or_stale(
                    &inbound,
                    stale,
                    Failure::Unreachable,
                    Handling::forwarded(why),
                );
            }
            alone = true;
        }
    }

    /// Joins the fetch of the key, or starts it.
    fn take_off(
        self: &Arc<Self>,
        inbound: &Arc<Inbound>,
        next: &Arc<dyn NextHop>,
        hops: &[Hop],
        stale: &Option<Stale>,
        alone: bool,
    ) -> (
        watch::Receiver<Progress>,
        Option<oneshot::Receiver<ForLeader>>,
    ) {
        let joined = if alone {
            Joined::Lead(Flights::alone(&inbound.key))
        } else {
            self.flights.join(&inbound.key)
        };
        match joined {
            Joined::Follow(progress) => (progress, None),
            Joined::Lead(lead) => {
                let progress = lead.follow();
                let (to_leader, own) = oneshot::channel();
                // A task of its own: the fetch outlives a client that leaves.
                tokio::spawn(Arc::clone(self).lead(
                    lead,
                    Arc::clone(inbound),
                    Arc::clone(next),
                    hops.to_vec(),
                    stale.clone(),
                    to_leader,
                ));
                (progress, Some(own))
            }
        }
    }

    /// Waits until a fetch has come to something; for another one's fetch only so long.
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
            Ok(Err(_)) | Err(_) => None,
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
        let sent = send_over(owners, next, inbound, &head, empty, &self.metrics).await;
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

/// Answers from a response that has just come, or is just coming. `None`: it does not suit this
/// request, which must fetch for itself.
fn from_arrival(
    inbound: &Inbound,
    arrival: Arrival,
    handling: Handling,
    late: bool,
) -> Option<Answer> {
    let request = inbound.as_sent();
    let head = &arrival.stored.head;
    if !head.selected_by(&request) {
        return None;
    }
    // Who was waiting before it came may have it whatever its freshness is; who came later
    // takes part only while it is fresh, and while its first bytes are still there.
    let now = std::time::SystemTime::now();
    if late && head.ttl(now) <= 0 {
        return None;
    }
    let serve = answer(&request, 0, head, now);
    let handling = Handling {
        forward_status: Some(arrival.status),
        stored: arrival.kept && !handling.collapsed,
        ..handling
    };
    let mut answer = Answer::stored(&arrival.stored, &serve, handling);
    if answer.response.body().is_lost() {
        return None;
    }
    answer.above = arrival.cache_status.to_vec();
    Some(answer)
}

/// Nothing came: what is stored, where that is allowed, or an error.
fn or_stale(
    inbound: &Inbound,
    stale: Option<Stale>,
    failure: Failure,
    handling: Handling,
) -> Answer {
    let now = std::time::SystemTime::now();
    let request = inbound.as_sent();
    let policy = &inbound.service.config.policy;
    let stored = stale.map(|(stored, _)| stored);
    let head = stored.as_ref().map(|s| &*s.head);
    match (recover(&request, head, failure, policy, now), &stored) {
        (Recovery::ServeStale, Some(stored)) => {
            let serve = answer(&request, 0, &stored.head, now);
            let handling = Handling {
                ttl: Some(serve.ttl),
                detail: Some(Detail::StaleIfError),
                ..handling
            };
            Answer::stored(stored, &serve, handling)
        }
        (Recovery::ServeStale, None) => failed(http::StatusCode::BAD_GATEWAY, handling),
        (Recovery::Fail(status), _) => failed(status, handling),
    }
}

pub(crate) fn failed(status: http::StatusCode, handling: Handling) -> Answer {
    let detail = Some(Detail::NextTierFailed);
    Answer::own(status, Handling { detail, ..handling })
}

pub(crate) fn with_status(handling: Handling, arrived: &Arrived) -> Handling {
    Handling {
        forward_status: Some(arrived.response.status().as_u16()),
        ..handling
    }
}
