//! The second moment: the next tier has answered.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use crate::{
    Policy, RequestHead, StoredHead, directives::ResponseDirectives, freshen, reuse, storing,
};

/// What a decision needs to know of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The fields, as the next tier sent them.
    pub headers: &'a HeaderMap,
}

/// When a request was sent and its response received (RFC 9111 section 4.2.3).
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the request was sent.
    pub requested: SystemTime,
    /// When the response head was received.
    pub received: SystemTime,
}

/// What to do with a response.
#[derive(Clone, Debug)]
pub enum Receipt {
    /// Store it, and answer the client out of it.
    Store(Box<StoredHead>),
    /// Relay it; do not store it.
    Relay(NotStored),
    /// 304 for what is stored: replace its head by this one and answer from it.
    Freshened(Box<StoredHead>),
    /// 304 that is not for what is stored: fetch again, without conditions.
    FetchAgain,
    /// An error, and what is stored may be served in its place (RFC 5861 section 4).
    ServeStale,
}

/// Why a response is not stored (RFC 9111 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// Of the request: its method, its Authorization, its own no-store where obeyed.
    Request,
    /// no-store or private.
    Directive,
    /// Vary: *.
    VaryStar,
    /// A status that is not cached without explicit freshness, or 206, 304.
    Status,
    /// It sets cookies and does not say that all may have it: no positive explicit freshness.
    SetCookie,
    /// Neither freshness nor a validator: nothing to gain.
    NothingToGain,
}

/// Decides what becomes of a response. `stored` is what was being revalidated, if anything.
pub fn receive(
    request: &RequestHead<'_>,
    stored: Option<&StoredHead>,
    response: ResponseHead<'_>,
    policy: &Policy,
    times: Times,
) -> Receipt {
    match (response.status, stored) {
        // RFC 9111 section 4.3.3: it still holds.
        (StatusCode::NOT_MODIFIED, Some(stored)) => {
            match freshen::freshened(request, stored, response.headers, policy, times) {
                Some(head) => Receipt::Freshened(Box::new(head)),
                None => Receipt::FetchAgain,
            }
        }
        // Section 4.3.3: an error may be forwarded, or taken as no answer at all.
        (status, Some(stored))
            if is_server_failure(status)
                && reuse::on_failure(request, stored, policy, times.received) =>
        {
            Receipt::ServeStale
        }
        _ => store(request, response, policy, times),
    }
}

fn store(
    request: &RequestHead<'_>,
    response: ResponseHead<'_>,
    policy: &Policy,
    times: Times,
) -> Receipt {
    let directives = ResponseDirectives::of(response.headers, &policy.targets);
    let refusal = storing::refusal(
        request,
        response.status,
        response.headers,
        &directives,
        policy,
    );
    if let Some(why) = refusal {
        return Receipt::Relay(why);
    }
    let (head, freshness) = StoredHead::parse(request, response, &directives, policy, times);
    match storing::reluctance(&head, &directives, freshness) {
        Some(why) => Receipt::Relay(why),
        None => Receipt::Store(Box::new(head)),
    }
}

/// The statuses in whose place a stale response may stand (RFC 5861 section 4).
fn is_server_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests;
