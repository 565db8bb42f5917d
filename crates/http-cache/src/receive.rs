//! The second moment: the next tier has answered.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use crate::{Policy, RequestHead, StoredHead};

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
    /// Neither freshness nor a validator: nothing to gain.
    NothingToGain,
}

/// Decides what becomes of a response. `stored` is what was being revalidated, if anything.
pub fn receive(
    _request: &RequestHead<'_>,
    _stored: Option<&StoredHead>,
    _response: ResponseHead<'_>,
    _policy: &Policy,
    _times: Times,
) -> Receipt {
    todo!()
}
