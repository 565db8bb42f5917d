//! The third moment: no answer came.

use std::time::SystemTime;

use http::StatusCode;

use crate::{Policy, RequestHead, StoredHead};

/// How the next tier failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made, or it broke before the response head was whole.
    Unreachable,
    /// The response head did not come in time.
    Timeout,
    /// What came is not HTTP.
    Invalid,
    /// The cap on requests to the next tier is reached.
    Overloaded,
}

/// What to answer with when the next tier failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Serve what is stored, stale (RFC 9111 section 4.2.4).
    ServeStale,
    /// Answer with this status: 502, 503 or 504 (RFC 9110 section 15.6).
    Fail(StatusCode),
}

/// Decides what to answer when no response came.
pub fn recover(
    _request: &RequestHead<'_>,
    _stored: Option<&StoredHead>,
    _failure: Failure,
    _policy: &Policy,
    _now: SystemTime,
) -> Recovery {
    todo!()
}
