//! What a request is answered with once a fetch has come to something.

use std::{sync::Arc, time::SystemTime};

use http::{Response, StatusCode, header};
use perigee_http_cache::{
    BodyPart, Decision, Failure, Miss, Recovery, ResponseHead, Serve, StoredHead, answer,
    answer_of_whole, decide, recover,
};
use perigee_storage::Stored;

use crate::{
    Body, Inbound, NextHop, Sender,
    answer::Answer,
    cache_status::{Detail, Handling},
    exchange::Exchange,
    fetch::Trip,
    flight::Arrival,
    lead::{ForLeader, OwnFields},
    send::Arrived,
    stitched::Seam,
};

/// Bytes of a body that may be worth a request for its rest.
const LONG: u64 = 256 << 10;

impl Exchange {
    /// Answers out of the store. Bytes of a disk that turn out to be gone or damaged while they are
    /// sent are fetched, where that can be.
    pub(crate) fn out_of_store(
        self: &Arc<Self>,
        inbound: &Inbound,
        next: &Arc<dyn NextHop>,
        stored: &Stored,
        serve: &Serve,
        handling: Handling,
    ) -> Answer {
        let seam = match stored.body.may_lose_bytes() {
            true => Seam::new(self, inbound, next, &stored.head),
            false => None,
        };
        match seam {
            Some(seam) => Answer::stitched(inbound.sender, seam, stored, serve, handling),
            None => Answer::stored(inbound.sender, stored, serve, handling),
        }
    }

    /// Answers one who waited from a response that has just come, or is just coming. `None`: it
    /// does not suit this request.
    pub(crate) fn from_arrival(
        self: &Arc<Self>,
        trip: &Trip,
        arrival: &Arrival,
        handling: Handling,
        late: bool,
    ) -> Option<Answer> {
        let (head, policy) = (&*arrival.stored.head, trip.inbound.policy());
        let (request, now) = (trip.inbound.as_sent(), SystemTime::now());
        // Who was waiting before it came may have it even if it was old on arrival. To who came
        // later it is a stored response like any other, as long as its first bytes are still there.
        let suits = match late {
            true => match decide(&request, &[head], policy, self.in_touch.at(now)) {
                Decision::Serve(_) => true,
                Decision::Fetch { why, .. } => why == Miss::Partial && head.ttl(now) > 0,
                _ => false,
            },
            false => head.is_keyed_by(&policy.key) && head.selected_by(&request),
        };
        if !suits {
            return None;
        }
        let answer = self.out_of(trip, arrival.clone(), true, handling);
        answer.filter(|answer| !answer.response.body().is_lost())
    }

    /// Answers the one who began the fetch out of what is being stored, with the fields that only
    /// this one gets. `None`: what came is not all that it wants.
    pub(crate) fn stored_for_leader(
        self: &Arc<Self>,
        trip: &Trip,
        landed: Box<ForLeader>,
        handling: Handling,
    ) -> Option<Box<Answer>> {
        let from_owner = match landed.arrival.kept {
            true => Detail::Copy,
            false => Detail::Peer,
        };
        let handling = Handling {
            stored: landed.arrival.kept,
            detail: landed.owner.map(from_owner).or(handling.detail),
            ..handling
        };
        let OwnFields { withheld, aged } = landed.fields;
        let mut answer = Box::new(self.out_of(trip, landed.arrival, aged, handling)?);
        if !withheld.is_empty() {
            answer.response.headers_mut().extend(withheld);
        }
        Some(answer)
    }

    /// Out of what has come and, where that is a part, of what else there is of its version. Its Age is
    /// told if it is `aged`: it would say that the origin has not made or validated it for this very
    /// request (RFC 9111 section 5.1).
    fn out_of(
        self: &Arc<Self>,
        trip: &Trip,
        arrival: Arrival,
        aged: bool,
        handling: Handling,
    ) -> Option<Answer> {
        let (request, policy) = (trip.inbound.as_sent(), trip.inbound.policy());
        let (stored, now) = (arrival.stored, SystemTime::now());
        let handling = handling.with_status(arrival.status);
        let (to, above) = (trip.inbound.sender, arrival.cache_status.to_vec());
        let mut answer = match answer(&request, 0, &stored.head, policy, now) {
            // What is not kept is read once, from its first byte to its last.
            Some(serve) if !arrival.kept && matches!(serve.body, BodyPart::Multipart(_)) => {
                return None;
            }
            Some(serve) => match self.seam_of_long(trip, &stored) {
                Some(seam) => Answer::stitched(to, seam, &stored, &serve, handling),
                None if !aged
                    && stored.head.held().is_none()
                    && serve.is_whole_of(&stored.head) =>
                {
                    let takes_lines = trip.inbound.takes_lines;
                    let answer = Answer::as_came(stored, handling, takes_lines);
                    return Some(Answer { above, ..answer });
                }
                None => Answer::stored(to, &stored, &serve, handling),
            },
            None => {
                let serve = answer_of_whole(&request, 0, &stored.head, policy, now)?;
                let seam = Seam::new(self, &trip.inbound, &trip.next, &stored.head)?;
                Answer::stitched(to, seam, &stored, &serve, handling)
            }
        };
        if !aged {
            answer.response.headers_mut().remove(header::AGE);
        }
        Some(Answer { above, ..answer })
    }

    /// What a reader that is let go of, since it is too slow for the others, goes on by. A short
    /// body lets nobody go.
    fn seam_of_long(self: &Arc<Self>, trip: &Trip, stored: &Stored) -> Option<Arc<Seam>> {
        let is_long = stored.body.length().is_some_and(|length| length > LONG);
        let is_long = is_long && stored.body.is_arriving();
        is_long
            .then(|| Seam::new(self, &trip.inbound, &trip.next, &stored.head))
            .flatten()
    }

    /// Nothing came: what is stored, where that is allowed, or an error.
    pub(crate) fn or_stale(&self, trip: &Trip, failure: Failure, handling: Handling) -> Answer {
        let now = SystemTime::now();
        let (request, stored) = (trip.inbound.as_sent(), &trip.wanted.stored);
        let policy = trip.inbound.policy();
        let head = stored.as_ref().map(|stored| &*stored.head);
        match (
            recover(&request, head, failure, policy, self.in_touch.at(now)),
            stored,
        ) {
            (Recovery::ServeStale, Some(stored)) => {
                let Some(serve) = answer(&request, 0, &stored.head, policy, now) else {
                    return failed(StatusCode::BAD_GATEWAY, handling);
                };
                let handling = Handling {
                    ttl: Some(serve.ttl),
                    detail: Some(Detail::StaleIfError),
                    ..handling
                };
                Answer::stored(trip.inbound.sender, stored, &serve, handling)
            }
            (Recovery::ServeStale, None) => failed(StatusCode::BAD_GATEWAY, handling),
            (Recovery::Fail(status), _) => failed_by(failure, status, handling),
        }
    }
}

/// Answers the one who began the fetch with a response that is not stored. It was asked for
/// without the client's own conditions, which are met here; its Range need not be (RFC 9110
/// section 14.2).
pub(crate) fn to_leader_alone(trip: &Trip, arrived: Arrived, handling: Handling) -> Answer {
    let handling = with_status(handling, &arrived);
    match own_conditions(trip, &arrived) {
        None => Answer::relayed(arrived, handling),
        Some(response) => Answer {
            response,
            handling,
            above: arrived.cache_status,
            lines: Vec::new(),
        },
    }
}

/// The answer that the client's conditions come to, if it is 304 or 412 (RFC 9110 section 13.2).
/// What sets cookies is answered whole: a 304 could not carry them as the origin meant it.
fn own_conditions(trip: &Trip, arrived: &Arrived) -> Option<Response<Body>> {
    let (inbound, response, times) = (&trip.inbound, &arrived.response, arrived.times);
    let headers = response.headers();
    let names = [
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
    ];
    let is_conditional = names.iter().any(|n| inbound.head.headers.contains_key(n));
    if !is_conditional
        || response.status() != StatusCode::OK
        || headers.contains_key(header::SET_COOKIE)
    {
        return None;
    }
    let came = ResponseHead {
        status: response.status(),
        headers,
    };
    let policy = trip.inbound.policy();
    let head = StoredHead::new(&inbound.as_fetched(), came, policy, times);
    let serve = answer(&inbound.as_sent(), 0, &head, policy, times.received)?;
    if !matches!(
        serve.status,
        StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED
    ) {
        return None;
    }
    let (status, mut fields) = match inbound.sender {
        Sender::Client => head.render(&serve, None),
        Sender::Node => head.render_for_cache(&serve, None),
    };
    if !headers.contains_key(header::AGE) {
        // It is the origin's answer and no other (RFC 9111 section 5.1).
        fields.remove(header::AGE);
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    *answer.headers_mut() = fields;
    Some(answer)
}

/// An error, and when it may be better where that is known.
pub(crate) fn failed_by(failure: Failure, status: StatusCode, handling: Handling) -> Answer {
    let mut answer = failed(status, handling);
    if let Some(seconds) = failure.retry_after() {
        let headers = answer.response.headers_mut();
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn failed(status: StatusCode, handling: Handling) -> Answer {
    let detail = Some(Detail::NextTierFailed);
    Answer::own(status, Handling { detail, ..handling })
}

pub(crate) fn with_status(handling: Handling, arrived: &Arrived) -> Handling {
    let peer = arrived.peer().map(|name| Detail::Peer(name.to_owned()));
    let status = arrived.response.status().as_u16();
    Handling {
        detail: handling.detail.or(peer),
        ..handling
    }
    .with_status(status)
}
