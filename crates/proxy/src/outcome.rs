//! What a request is answered with once a fetch has come to something.

use perigee_http_cache::{BodyPart, Failure, Recovery, answer, recover};
use perigee_storage::Stored;

use crate::{
    Inbound,
    answer::Answer,
    cache_status::{Detail, Handling},
    flight::Arrival,
    send::Arrived,
};

/// Answers from a response that has just come, or is just coming. `None`: it does not suit this
/// request, which must fetch for itself.
pub(crate) fn from_arrival(
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
    let policy = inbound.policy();
    let serve = answer(&request, 0, head, policy, now)?;
    // What is not kept is read once, from its first byte to its last.
    if !arrival.kept && matches!(serve.body, BodyPart::Multipart(_)) {
        return None;
    }
    let handling = Handling {
        forward_status: Some(arrival.status),
        stored: arrival.kept && !handling.collapsed,
        ..handling
    };
    let mut answer = Answer::stored(inbound.sender, &arrival.stored, &serve, handling);
    if answer.response.body().is_lost() {
        return None;
    }
    answer.above = arrival.cache_status.to_vec();
    Some(answer)
}

/// Nothing came: what is stored, where that is allowed, or an error.
pub(crate) fn or_stale(
    inbound: &Inbound,
    stored: Option<Stored>,
    failure: Failure,
    handling: Handling,
) -> Answer {
    let now = std::time::SystemTime::now();
    let request = inbound.as_sent();
    let policy = inbound.policy();
    let head = stored.as_ref().map(|s| &*s.head);
    match (recover(&request, head, failure, policy, now), &stored) {
        (Recovery::ServeStale, Some(stored)) => {
            let Some(serve) = answer(&request, 0, &stored.head, policy, now) else {
                return failed(http::StatusCode::BAD_GATEWAY, handling);
            };
            let handling = Handling {
                ttl: Some(serve.ttl),
                detail: Some(Detail::StaleIfError),
                ..handling
            };
            Answer::stored(inbound.sender, stored, &serve, handling)
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
