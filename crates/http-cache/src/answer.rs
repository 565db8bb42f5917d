//! What a client is told out of a stored response.

use std::time::SystemTime;

use http::{Method, StatusCode};

use crate::{
    RequestHead, StoredHead,
    conditional::{self, Outcome},
    decide::{BodyPart, Serve},
    range::{self, Part},
};

/// Answers a GET or HEAD from a response that may be used: a fresh one, or one that
/// [`crate::receive`] has just given (`Store`, `Freshened`), or a stale one after `ServeStale`.
/// Evaluates the client's own preconditions and Range on it (RFC 9110 section 13.2.2).
/// `variant` is handed back as [`Serve::variant`].
pub fn answer(
    request: &RequestHead<'_>,
    variant: usize,
    stored: &StoredHead,
    now: SystemTime,
) -> Serve {
    let (status, body) = select(request, stored);
    Serve {
        variant,
        status,
        body,
        age: stored.age(now).as_secs(),
        ttl: stored.ttl(now),
    }
}

fn select(request: &RequestHead<'_>, stored: &StoredHead) -> (StatusCode, BodyPart) {
    match conditional::evaluate(request.headers, stored) {
        Outcome::Failed => return (StatusCode::PRECONDITION_FAILED, BodyPart::None),
        Outcome::NotModified => return (StatusCode::NOT_MODIFIED, BodyPart::None),
        Outcome::Proceed => {}
    }
    // RFC 9110 section 14.2: Range is defined for GET alone.
    if *request.method == Method::HEAD {
        return (stored.status, BodyPart::None);
    }
    match range::part(request.headers, stored) {
        Part::Whole => (stored.status, BodyPart::Whole),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, BodyPart::Range(range)),
        Part::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::{at, head, map};

    fn of(method: &Method, request: &[(&'static str, &'static str)]) -> (u16, BodyPart) {
        let stored = head(&[("etag", "\"a\""), ("content-length", "10")]);
        let request = RequestHead {
            method,
            headers: &map(request),
        };
        let serve = answer(&request, 3, &stored, at(4));
        assert_eq!((serve.variant, serve.age, serve.ttl), (3, 4, -4));
        (serve.status.as_u16(), serve.body)
    }

    #[test]
    fn preconditions_go_before_ranges() {
        let range = ("range", "bytes=2-3");
        assert_eq!(of(&Method::GET, &[range]), (206, BodyPart::Range(2..4)));
        assert_eq!(
            of(&Method::GET, &[range, ("if-none-match", "\"a\"")]),
            (304, BodyPart::None)
        );
        assert_eq!(
            of(&Method::GET, &[range, ("if-match", "\"b\"")]),
            (412, BodyPart::None)
        );
        assert_eq!(
            of(&Method::GET, &[("range", "bytes=10-")]),
            (416, BodyPart::None)
        );
        assert_eq!(
            of(&Method::GET, &[range, ("if-range", "\"b\"")]),
            (200, BodyPart::Whole)
        );
    }

    #[test]
    fn head_has_preconditions_but_neither_body_nor_range() {
        assert_eq!(
            of(&Method::HEAD, &[("range", "bytes=2-3")]),
            (200, BodyPart::None)
        );
        assert_eq!(
            of(&Method::HEAD, &[("if-none-match", "*")]),
            (304, BodyPart::None)
        );
    }
}
