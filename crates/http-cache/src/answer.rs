//! What a client is told out of a stored response.

use std::time::SystemTime;

use http::{Method, StatusCode, header};

use crate::{
    Policy, RequestHead, StoredHead, asking,
    conditional::{self, Outcome},
    decide::{BodyPart, Serve},
    multipart::Multipart,
    part::{Cover, Part},
    range::{self, Ranges, Selected},
};

/// Answers a GET or HEAD from a response that may be used: a fresh one, or one that
/// [`crate::receive`] has just given (`Store`, `Freshened`, `Combine`), or a stale one after
/// `ServeStale`. Evaluates the client's own preconditions and Range on it (RFC 9110 section
/// 13.2.2). `variant` is handed back as [`Serve::variant`].
///
/// None if it is a part, and does not hold what this request wants.
pub fn answer(
    request: &RequestHead<'_>,
    variant: usize,
    stored: &StoredHead,
    policy: &Policy,
    now: SystemTime,
) -> Option<Serve> {
    let (status, body) = select(request, stored, policy)?;
    Some(Serve {
        variant,
        status,
        body,
        age: stored.age(now).as_secs(),
        ttl: stored.ttl(now),
    })
}

pub(crate) fn select(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    policy: &Policy,
) -> Option<(StatusCode, BodyPart)> {
    match conditional::evaluate(request.headers, stored) {
        Outcome::Failed => return Some((StatusCode::PRECONDITION_FAILED, BodyPart::None)),
        Outcome::NotModified => return Some((StatusCode::NOT_MODIFIED, BodyPart::None)),
        Outcome::Proceed => {}
    }
    // RFC 9110 section 14.2: Range is defined for GET alone.
    if *request.method == Method::HEAD {
        // Section 9.3.2: as a GET of the whole. A part knows that if it knows the length.
        let is_known = stored.part.is_none() || stored.length.is_some();
        return is_known.then(|| (stored.whole_status(), BodyPart::None));
    }
    let ranges = asking::ranges(request.headers, stored, policy);
    match &stored.part {
        Some(part) => of_part(request, &ranges, part),
        None => Some(of_whole(&ranges, stored)),
    }
}

/// Only a 200 whose length is known has ranges.
fn of_whole(ranges: &Ranges, stored: &StoredHead) -> (StatusCode, BodyPart) {
    let whole = (stored.status, BodyPart::Whole);
    let length = match stored.length {
        Some(length) if stored.status == StatusCode::OK => length,
        _ => return whole,
    };
    match ranges.select(length) {
        Selected::Whole => whole,
        Selected::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, BodyPart::Range(bytes)),
        Selected::Several(ranges) => {
            let content_type = stored.headers.get(header::CONTENT_TYPE);
            let tag = stored
                .etag
                .as_ref()
                .map_or(&b""[..], |tag| tag.value.as_bytes());
            let several = Multipart::new(ranges, length, content_type, tag);
            let body = BodyPart::Multipart(Box::new(several));
            (StatusCode::PARTIAL_CONTENT, body)
        }
        Selected::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None),
    }
}

/// One range out of a part (RFC 9111 section 3.3).
fn of_part(
    request: &RequestHead<'_>,
    ranges: &Ranges,
    part: &Part,
) -> Option<(StatusCode, BodyPart)> {
    let Ranges::One(spec) = ranges else {
        return None;
    };
    if range::line(request.headers).is_some_and(|line| part.replay(line).is_some()) {
        return Some((StatusCode::PARTIAL_CONTENT, BodyPart::Whole));
    }
    match part.cover(*spec) {
        Cover::Held(bytes) => Some((StatusCode::PARTIAL_CONTENT, BodyPart::Range(bytes))),
        Cover::Unsatisfiable => Some((StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None)),
        Cover::Lacking => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::{at, head, map, part};

    type Fields<'a> = &'a [(&'static str, &'static str)];

    fn from(stored: &StoredHead, method: &Method, request: Fields<'_>) -> Option<(u16, BodyPart)> {
        let request = RequestHead {
            method,
            headers: &map(request),
        };
        let serve = answer(&request, 3, stored, &Policy::default(), at(4))?;
        assert_eq!((serve.variant, serve.age, serve.ttl), (3, 4, -4));
        Some((serve.status.as_u16(), serve.body))
    }

    fn of(method: &Method, request: Fields<'_>) -> (u16, BodyPart) {
        let stored = head(&[("etag", "\"a\""), ("content-length", "10")]);
        from(&stored, method, request).unwrap()
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
        assert_eq!(
            of(&Method::GET, &[("if-range", "\"b\"")]),
            (200, BodyPart::Whole)
        );
    }

    #[test]
    fn head_has_preconditions_but_neither_body_nor_range() {
        for range in ["bytes=2-3", "bytes=0-1,4-5"] {
            assert_eq!(
                of(&Method::HEAD, &[("range", range)]),
                (200, BodyPart::None)
            );
        }
        assert_eq!(
            of(&Method::HEAD, &[("if-none-match", "*")]),
            (304, BodyPart::None)
        );
    }

    #[test]
    fn several_ranges_go_in_one_answer_that_is_always_the_same() {
        let several = ("range", "bytes=8-,0-1");
        let (status, body) = of(&Method::GET, &[several]);
        let BodyPart::Multipart(parts) = &body else {
            panic!("{body:?}")
        };
        let ranges: Vec<_> = parts.parts.iter().map(|(_, range)| range.clone()).collect();
        assert_eq!((status, ranges), (206, vec![8..10, 0..2]));
        assert_eq!(of(&Method::GET, &[several]).1, body);
        assert_eq!(
            of(&Method::GET, &[several, ("if-range", "\"a\"")]),
            (206, body)
        );
        let changed = [several, ("if-range", "\"b\"")];
        assert_eq!(of(&Method::GET, &changed), (200, BodyPart::Whole));
        let not_modified = [several, ("if-none-match", "\"a\"")];
        assert_eq!(of(&Method::GET, &not_modified), (304, BodyPart::None));
        assert_eq!(
            of(&Method::GET, &[("range", "bytes=8-,20-")]),
            (206, BodyPart::Range(8..10))
        );
        assert_eq!(
            of(&Method::GET, &[("range", "bytes=20-,30-")]),
            (416, BodyPart::None)
        );
    }

    #[test]
    fn only_a_200_of_known_length_has_ranges() {
        for range in ["bytes=0-1", "bytes=0-1,4-5"] {
            let request = [("range", range)];
            let whole = Some((200, BodyPart::Whole));
            assert_eq!(from(&head(&[]), &Method::GET, &request), whole);
            let mut missing = head(&[("content-length", "10")]);
            missing.status = StatusCode::NOT_FOUND;
            let whole = Some((404, BodyPart::Whole));
            assert_eq!(from(&missing, &Method::GET, &request), whole);
        }
    }

    #[test]
    fn a_part_answers_what_it_holds() {
        let stored = part(&[("etag", "\"a\"")], "bytes 4-9/10", 5);
        let get = |request: Fields<'_>| from(&stored, &Method::GET, request);
        let same = ("range", "bytes=4-");
        let held = ("range", "bytes=6-8");
        assert_eq!(get(&[same]), Some((206, BodyPart::Whole)));
        assert_eq!(get(&[held]), Some((206, BodyPart::Range(6..9))));
        assert_eq!(
            get(&[("range", "bytes=6-")]),
            Some((206, BodyPart::Range(6..9)))
        );
        assert_eq!(get(&[("range", "bytes=10-")]), Some((416, BodyPart::None)));
        for lacking in ["bytes=-1", "bytes=0-", "bytes=6-9", "bytes=4-5,7-8", "x=1"] {
            assert_eq!(get(&[("range", lacking)]), None, "{lacking}");
        }
        assert_eq!(get(&[]), None);
    }

    #[test]
    fn preconditions_count_on_a_part_too() {
        let stored = part(&[("etag", "\"a\"")], "bytes 4-9/10", 6);
        let get = |request: Fields<'_>| from(&stored, &Method::GET, request);
        let held = ("range", "bytes=6-8");
        let bytes = Some((206, BodyPart::Range(6..9)));
        assert_eq!(get(&[held, ("if-range", "\"a\"")]), bytes);
        for other in ["\"b\"", "W/\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(get(&[held, ("if-range", other)]), None, "{other}");
        }
        let same = ("range", "bytes=4-");
        assert_eq!(get(&[same, ("if-range", "\"b\"")]), None);
        assert_eq!(
            get(&[held, ("if-none-match", "\"a\"")]),
            Some((304, BodyPart::None))
        );
        assert_eq!(get(&[("if-match", "\"b\"")]), Some((412, BodyPart::None)));
        let since = ("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT");
        assert_eq!(get(&[held, since]), Some((304, BodyPart::None)));
    }

    #[test]
    fn the_head_of_the_whole_is_known_if_its_length_is() {
        let of = |content_range| from(&part(&[], content_range, 6), &Method::HEAD, &[]);
        assert_eq!(of("bytes 4-9/10"), Some((200, BodyPart::None)));
        assert_eq!(of("bytes 4-9/*"), None);
    }

    #[test]
    fn a_part_that_is_complete_is_the_whole() {
        let stored = part(&[], "bytes 0-9/10", 10);
        let get = |request: Fields<'_>| from(&stored, &Method::GET, request);
        assert_eq!(get(&[]), Some((200, BodyPart::Whole)));
        assert_eq!(
            get(&[("range", "bytes=4-")]),
            Some((206, BodyPart::Range(4..10)))
        );
    }
}
