//! What is kept of a stored response besides its body, computed once, when it is stored.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::{RequestHead, decide::Serve};

/// The head of a stored response, with all that a later decision needs already parsed.
#[derive(Clone, Debug)]
pub struct StoredHead {
    /// The status code of the stored response.
    pub status: StatusCode,
    /// Its end-to-end fields (RFC 9111 section 3.1), without Age.
    pub headers: HeaderMap,
    /// The length of the complete body in bytes, if it was stated.
    pub length: Option<u64>,
    /// When the response was received.
    pub received: SystemTime,
    // The helper who owns this crate adds what is parsed at store time: freshness lifetime,
    // corrected initial age, directives, Vary values, validators.
}

impl StoredHead {
    /// Whether a request selects this variant (RFC 9111 section 4.1).
    pub fn selected_by(&self, _request: &RequestHead<'_>) -> bool {
        todo!()
    }

    /// The current age (RFC 9111 section 4.2.3).
    pub fn age(&self, _now: SystemTime) -> Duration {
        todo!()
    }

    /// Seconds of freshness left; negative once stale (the `ttl` of RFC 9211 section 2.6).
    pub fn ttl(&self, _now: SystemTime) -> i64 {
        todo!()
    }

    /// The status and fields to answer with. `length` is the complete body's length if known
    /// by now (it may have become known after the head was stored).
    pub fn render(&self, _serve: &Serve, _length: Option<u64>) -> (StatusCode, HeaderMap) {
        todo!()
    }

    /// Bytes that this head takes in memory, for the store's accounting.
    pub fn weight(&self) -> usize {
        todo!()
    }
}
