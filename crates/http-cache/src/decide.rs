//! The first moment: a request has come, and the store was asked.

use std::{borrow::Borrow, ops::Range, time::SystemTime};

use http::{HeaderMap, StatusCode};

use crate::{Policy, RequestHead, StoredHead};

/// What to do with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Answer from the store.
    Serve(Serve),
    /// Ask the next tier whether the stored response at this index still holds, adding these
    /// conditional fields in place of the client's (RFC 9111 section 4.3.1).
    Revalidate {
        /// Index into the stored responses that `decide` was given.
        variant: usize,
        /// If-None-Match and If-Modified-Since to send.
        conditions: HeaderMap,
        /// Why it is not served at once.
        why: Miss,
    },
    /// Fetch the whole response, without the client's conditional and Range fields; it may be
    /// stored, so requests for it may be coalesced.
    Fetch {
        /// Why there is nothing to serve.
        why: Miss,
    },
    /// Forward the request as it is; the answer is not for the store (RFC 9211: fwd=method or
    /// fwd=bypass).
    Pass {
        /// Why it passes by.
        why: Miss,
    },
    /// Answer with this status and an empty body, asking nobody (only-if-cached: 504).
    Refuse(StatusCode),
}

/// How to answer from a stored response.
#[derive(Clone, Debug, PartialEq)]
pub struct Serve {
    /// Index into the stored responses that `decide` was given.
    pub variant: usize,
    /// The status of the answer: that of the stored response, or 206, 304, 412, 416.
    pub status: StatusCode,
    /// Which part of the body goes with it.
    pub body: BodyPart,
    /// Value of Age, in seconds.
    pub age: u64,
    /// Seconds of freshness left; negative when stale.
    pub ttl: i64,
}

/// The part of a stored body that an answer carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// No body: HEAD, 304, 412, 416.
    None,
    /// All of it.
    Whole,
    /// These bytes of it.
    Range(Range<u64>),
}

/// Why a request was forwarded: the `fwd` values of RFC 9211 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Miss {
    /// The cache was told not to handle this request.
    Bypass,
    /// The method is not one that is cached.
    Method,
    /// Nothing is stored for the URI.
    Uri,
    /// Something is stored, but no variant that this request selects.
    Vary,
    /// The request's own directives ask for it.
    Request,
    /// What is stored is stale.
    Stale,
}

impl Miss {
    /// The token of RFC 9211 section 2.2.
    pub fn as_str(self) -> &'static str {
        match self {
            Miss::Bypass => "bypass",
            Miss::Method => "method",
            Miss::Uri => "uri-miss",
            Miss::Vary => "vary-miss",
            Miss::Request => "request",
            Miss::Stale => "stale",
        }
    }
}

/// Decides from what is stored under the request's key, newest first.
///
/// A stored response whose length is not known (it is still arriving) is answered whole: a Range
/// field may be ignored (RFC 9110 section 14.2).
pub fn decide<S: Borrow<StoredHead>>(
    _request: &RequestHead<'_>,
    _stored: &[S],
    _policy: &Policy,
    _now: SystemTime,
) -> Decision {
    todo!()
}
