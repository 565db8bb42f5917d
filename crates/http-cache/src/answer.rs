//! What a client is told out of a stored response.

use std::time::SystemTime;

use http::{Method, StatusCode, header};

use crate::{
    Policy, RequestHead, StoredHead, asking,
    conditional::{self, Outcome},
    decide::{BodyPart, Serve},
    freshness,
    multipart::Multipart,
    part::{Cover, Part},
    present::Present,
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
    let told = select(request, stored, policy)?;
    Some(serve(variant, stored, told, now))
}

/// Answers as [`answer`] does, out of a part as if it were the whole: for who fetches what it lacks
/// while the answer is sent. None if it cannot be completed ([`StoredHead::can_be_completed`]).
pub fn answer_of_whole(
    request: &RequestHead<'_>,
    variant: usize,
    stored: &StoredHead,
    policy: &Policy,
    now: SystemTime,
) -> Option<Serve> {
    if !stored.can_be_completed() {
        return None;
    }
    let told = match before_ranges(request, stored) {
        Some(told) => told,
        None => of_whole(&asking::ranges(request.headers, stored, policy), stored),
    };
    Some(serve(variant, stored, told, now))
}

fn serve(
    variant: usize,
    stored: &StoredHead,
    (status, body): (StatusCode, BodyPart),
    now: SystemTime,
) -> Serve {
    let age = stored.age(now);
    Serve {
        variant,
        status,
        body,
        age: age.as_secs(),
        ttl: freshness::ttl(stored.lifetime, age),
    }
}

pub(crate) fn select(
    request: &RequestHead<'_>,
    stored: &StoredHead,
    policy: &Policy,
) -> Option<(StatusCode, BodyPart)> {
    if stored.part.is_some() && stored.length.is_none() && *request.method == Method::HEAD {
        // A part knows the head of the whole if it knows the length.
        return precondition(request, stored).map(|status| (status, BodyPart::None));
    }
    let present = Present::of(request.headers);
    let asks = Present::CONDITIONS | Present::RANGE;
    if !present.has(asks) && *request.method == Method::GET && stored.part.is_none() {
        return Some((stored.status, BodyPart::Whole));
    }
    if let Some(told) = before_ranges(request, stored) {
        return Some(told);
    }
    let ranges = asking::ranges(request.headers, stored, policy);
    match &stored.part {
        Some(part) => of_part(request, &ranges, part, stored),
        None => Some(of_whole(&ranges, stored)),
    }
}

/// What is answered whatever bytes are asked for.
fn before_ranges(request: &RequestHead<'_>, stored: &StoredHead) -> Option<(StatusCode, BodyPart)> {
    // RFC 9110 section 14.2: Range is defined for GET alone. Section 9.3.2: HEAD is as a GET of the
    // whole.
    let of_head = (*request.method == Method::HEAD).then(|| stored.whole_status());
    let status = precondition(request, stored).or(of_head)?;
    Some((status, BodyPart::None))
}

fn precondition(request: &RequestHead<'_>, stored: &StoredHead) -> Option<StatusCode> {
    match conditional::evaluate(request.headers, stored) {
        Outcome::Failed => Some(StatusCode::PRECONDITION_FAILED),
        Outcome::NotModified => Some(StatusCode::NOT_MODIFIED),
        Outcome::Proceed => None,
    }
}

/// Only a 200 whose length is known has ranges.
fn of_whole(ranges: &Ranges, stored: &StoredHead) -> (StatusCode, BodyPart) {
    let whole = (stored.whole_status(), BodyPart::Whole);
    let length = match stored.length {
        Some(length) if stored.whole_status() == StatusCode::OK => length,
        _ => return whole,
    };
    match ranges.select(length) {
        Selected::Whole => whole,
        Selected::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, BodyPart::Range(bytes)),
        Selected::Several(ranges) => {
            let content_type = stored.headers.get(header::CONTENT_TYPE);
            let tag = stored.etag.as_ref().map_or(&b""[..], |tag| &tag.value[..]);
            let several = Multipart::new(ranges, length, content_type, tag);
            let body = BodyPart::Multipart(Box::new(several));
            (StatusCode::PARTIAL_CONTENT, body)
        }
        Selected::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None),
    }
}

/// Ranges out of a part (RFC 9111 section 3.3).
fn of_part(
    request: &RequestHead<'_>,
    ranges: &Ranges,
    part: &Part,
    stored: &StoredHead,
) -> Option<(StatusCode, BodyPart)> {
    let spec = match ranges {
        Ranges::None => return None,
        Ranges::One(spec) => *spec,
        Ranges::Several(_) => {
            let (status, body) = of_whole(ranges, stored);
            return holds(part, stored, &body).then_some((status, body));
        }
    };
    if range::line(request.headers).is_some_and(|line| part.replay(line).is_some()) {
        return Some((StatusCode::PARTIAL_CONTENT, BodyPart::Whole));
    }
    match part.cover(spec) {
        Cover::Held(bytes) => Some((StatusCode::PARTIAL_CONTENT, BodyPart::Range(bytes))),
        Cover::Unsatisfiable => Some((StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None)),
        Cover::Lacking => None,
    }
}

/// Whether a part of a representation whose length is known holds all of an answer.
fn holds(part: &Part, stored: &StoredHead, body: &BodyPart) -> bool {
    stored.length.is_some()
        && match body {
            BodyPart::None => true,
            BodyPart::Whole => false,
            BodyPart::Range(range) => part.held.covers(range),
            BodyPart::Multipart(parts) => parts.parts.iter().all(|(_, r)| part.held.covers(r)),
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
        for lacking in ["bytes=-1", "bytes=0-", "bytes=6-9", "bytes=4-5,7-9", "x=1"] {
            assert_eq!(get(&[("range", lacking)]), None, "{lacking}");
        }
        assert_eq!(get(&[]), None);
    }

    #[test]
    fn a_part_with_holes_answers_what_it_holds() {
        let tag = [("etag", "\"a\"")];
        let (one, two) = (part(&tag, "bytes 2-3/10", 2), part(&tag, "bytes 6-8/10", 3));
        let stored = one.joined(&two).unwrap();
        let get = |range| from(&stored, &Method::GET, &[("range", range)]);
        assert_eq!(get("bytes=2-3"), Some((206, BodyPart::Range(2..4))));
        assert_eq!(get("bytes=7-8"), Some((206, BodyPart::Range(7..9))));
        let several = get("bytes=7-8,2-2").unwrap();
        let whole = head(&[tag[0], ("content-length", "10")]);
        let of_whole = from(&whole, &Method::GET, &[("range", "bytes=7-8,2-2")]);
        assert_eq!(Some(several), of_whole);
        for lacking in ["bytes=2-6", "bytes=3-4", "bytes=7-", "bytes=2-3,4-4"] {
            assert_eq!(get(lacking), None, "{lacking}");
        }
    }

    #[test]
    fn what_is_completed_is_answered_as_the_whole() {
        let stored = part(&[("etag", "\"a\"")], "bytes 4-9/20", 6);
        let of = |method: &Method, request: Fields<'_>, stored: &StoredHead| {
            let request = RequestHead {
                method,
                headers: &map(request),
            };
            let serve = answer_of_whole(&request, 0, stored, &Policy::default(), at(4))?;
            Some((serve.status.as_u16(), serve.body))
        };
        let get = |request: Fields<'_>| of(&Method::GET, request, &stored);
        assert_eq!(get(&[]), Some((200, BodyPart::Whole)));
        let range = ("range", "bytes=0-5");
        assert_eq!(get(&[range]), Some((206, BodyPart::Range(0..6))));
        assert_eq!(
            get(&[range, ("if-range", "\"b\"")]),
            Some((200, BodyPart::Whole))
        );
        assert_eq!(
            get(&[range, ("if-none-match", "\"a\"")]),
            Some((304, BodyPart::None))
        );
        assert_eq!(
            of(&Method::HEAD, &[range], &stored),
            Some((200, BodyPart::None))
        );
        for never in [
            part(&[], "bytes 4-9/20", 6),
            part(&[("etag", "\"a\"")], "bytes 4-9/*", 6),
        ] {
            assert_eq!(of(&Method::GET, &[], &never), None);
        }
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
