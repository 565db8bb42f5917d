//! Stored heads for tests of this crate.

use std::time::UNIX_EPOCH;

use http::{HeaderName, HeaderValue, Method};

use super::*;

pub(crate) fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
        .collect()
}

/// Seconds after some moment, at which tests' responses are received.
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
}

pub(crate) fn times() -> Times {
    Times {
        requested: at(0),
        received: at(0),
    }
}

/// A stored 200 to a GET without fields.
pub(crate) fn head(response: &[(&'static str, &'static str)]) -> StoredHead {
    head_for(&[], response)
}

/// A stored 206 to a GET with `Range: bytes=4-`.
pub(crate) fn part(
    response: &[(&'static str, &'static str)],
    content_range: &'static str,
    length: u64,
) -> StoredHead {
    let range = map(&[("content-range", content_range)]);
    let part = Part::of(&HeaderValue::from_static("bytes=4-"), &range, Some(length));
    head(response).holding(part.unwrap())
}

pub(crate) fn head_for(
    request: &[(&'static str, &'static str)],
    response: &[(&'static str, &'static str)],
) -> StoredHead {
    let request = RequestHead {
        method: &Method::GET,
        headers: &map(request),
    };
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &map(response),
    };
    StoredHead::new(&request, response, &Policy::default(), times())
}
