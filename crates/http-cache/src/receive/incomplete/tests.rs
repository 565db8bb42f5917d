use http::{HeaderName, HeaderValue, Method};

use super::*;
use crate::{
    Policy, RequestHead, receive as receive_any,
    stored::testing::{at, head, map, part, times},
};

type Fields<'a> = &'a [(&'static str, &'static str)];

const FRESH: (&str, &str) = ("cache-control", "max-age=10");
const ETAG: (&str, &str) = ("etag", "\"a\"");
const SAME: (&str, &str) = ("if-range", "\"a\"");
const RANGE: (&str, &str) = ("range", "bytes=4-");

fn of(
    request: Fields<'_>,
    stored: Option<&StoredHead>,
    asked: Fields<'_>,
    status: u16,
    response: Fields<'_>,
) -> Receipt {
    let request = RequestHead {
        method: &Method::GET,
        headers: &map(request),
    };
    let response = ResponseHead {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &map(response),
    };
    let policy = Policy::default();
    receive_any(&request, stored, &map(asked), response, &policy, times())
}

fn said(content_range: &'static str) -> (&'static str, &'static str) {
    ("content-range", content_range)
}

/// What becomes of a 206 to `RANGE`, which the client sent itself.
fn own(response: Fields<'_>) -> Receipt {
    of(&[RANGE], None, &[RANGE], 206, response)
}

fn stored(receipt: Receipt) -> StoredHead {
    match receipt {
        Receipt::Store(head) => Arc::unwrap_or_clone(head),
        other => panic!("{other:?}"),
    }
}

fn is_relayed(receipt: &Receipt) -> bool {
    matches!(receipt, Receipt::Relay(NotStored::Status))
}

#[test]
fn a_part_is_stored_as_a_200_would_be() {
    let head = stored(own(&[FRESH, said("bytes 4-7/10"), ("content-length", "4")]));
    assert_eq!(head.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!((head.body_start(), head.body_length()), (4, Some(4)));
    assert_eq!((head.length, head.ttl(at(0))), (Some(10), 10));
    // Heuristic freshness is for 206, too (RFC 9110 section 15.1).
    let old = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert!(stored(own(&[old, said("bytes 4-7/10")])).ttl(at(0)) > 0);
    for (forbidden, why) in [
        ("no-store", NotStored::Directive),
        ("private, max-age=9", NotStored::Directive),
        ("max-age=0", NotStored::NothingToGain),
    ] {
        let receipt = own(&[("cache-control", forbidden), said("bytes 4-7/10")]);
        assert!(matches!(receipt, Receipt::Relay(reason) if reason == why));
    }
}

#[test]
fn one_that_holds_all_is_the_whole() {
    let head = stored(own(&[
        FRESH,
        said("bytes 0-9/10"),
        ("content-length", "10"),
    ]));
    assert_eq!((head.status, head.length), (StatusCode::OK, Some(10)));
    assert!(!head.headers.contains_key("content-range"));
    let short = stored(own(&[FRESH, said("bytes 0-9/10"), ("content-length", "9")]));
    assert_eq!(short.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(short.body_length(), Some(9));
}

#[test]
fn what_contradicts_itself_or_was_not_asked_for_is_relayed() {
    for response in [
        &[FRESH][..],
        &[FRESH, said("bytes 4-3/10")],
        &[FRESH, said("bytes 4-7/10"), ("content-length", "5")],
        &[FRESH, said("bytes 4-7/10"), ("content-length", "0")],
        &[FRESH, ("content-type", "multipart/byteranges; boundary=a")],
    ] {
        assert!(is_relayed(&own(response)), "{response:?}");
    }
    let unasked = of(&[], None, &[], 206, &[FRESH, said("bytes 4-7/10")]);
    assert!(is_relayed(&unasked));
}

fn front() -> StoredHead {
    let fields = [
        FRESH,
        ETAG,
        ("x-old", "1"),
        ("x-both", "1"),
        ("content-encoding", "br"),
    ];
    part(&fields, "bytes 0-3/10", 4)
}

/// What becomes of an answer to the request for what `front` lacks, of which the client knows
/// nothing.
fn completing(status: u16, response: Fields<'_>) -> Receipt {
    of(&[], Some(&front()), &[RANGE, SAME], status, response)
}

#[test]
fn what_lacked_is_combined_and_the_new_fields_count() {
    let new = [
        ("cache-control", "max-age=99"),
        ETAG,
        said("bytes 4-9/10"),
        ("content-length", "6"),
        ("x-both", "2"),
        ("x-new", "3"),
        ("content-encoding", "gzip"),
    ];
    let Receipt::Combine(head) = completing(206, &new) else {
        panic!("not combined");
    };
    // The head of what came, until it stands beside what is stored.
    assert_eq!(head.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!((head.body_start(), head.body_length()), (4, Some(6)));
    let head = head.joined(&front()).unwrap();
    assert_eq!((head.status, head.length), (StatusCode::OK, Some(10)));
    assert_eq!((head.body_start(), head.body_length()), (0, Some(10)));
    assert_eq!(head.ttl(at(0)), 99);
    let field = |name| head.headers.get(HeaderName::from_static(name));
    for (name, value) in [
        ("x-old", "1"),
        ("x-both", "2"),
        ("x-new", "3"),
        ("content-encoding", "br"),
    ] {
        assert_eq!(
            field(name),
            Some(&HeaderValue::from_static(value)),
            "{name}"
        );
    }
    assert_eq!(field("content-range"), None);
}

#[test]
fn a_part_may_grow_anywhere_and_stay_a_part() {
    let middle = part(&[FRESH, ETAG], "bytes 4-5/10", 2);
    for (asked, content_range, held) in [
        ("bytes=6-7", "bytes 6-7/10", &[4..8][..]),
        ("bytes=2-3", "bytes 2-3/10", &[2..6]),
        ("bytes=6-", "bytes 6-9/10", &[4..10]),
        ("bytes=8-", "bytes 8-9/10", &[4..6, 8..10]),
        ("bytes=0-1", "bytes 0-1/10", &[0..2, 4..6]),
        // An origin may send less.
        ("bytes=6-", "bytes 6-7/10", &[4..8]),
    ] {
        let response = [FRESH, ETAG, said(content_range)];
        let receipt = of(
            &[],
            Some(&middle),
            &[("range", asked), SAME],
            206,
            &response,
        );
        let Receipt::Combine(head) = receipt else {
            panic!("{asked}: {receipt:?}");
        };
        let both = head.joined(&middle).unwrap();
        assert_eq!(both.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(both.held().unwrap().runs(), held, "{asked}");
    }
}

#[test]
fn two_versions_are_never_mixed() {
    let right = said("bytes 4-9/10");
    for response in [
        &[FRESH, right][..],
        &[FRESH, right, ("etag", "\"b\"")],
        &[FRESH, right, ("etag", "W/\"a\"")],
        &[FRESH, right, ETAG, ("etag", "\"b\"")],
        &[
            FRESH,
            right,
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ],
        // The same version cannot have another length.
        &[FRESH, ETAG, said("bytes 4-10/11")],
        &[FRESH, ETAG, said("bytes 4-9/*")],
        // Not what was asked for.
        &[FRESH, ETAG, said("bytes 5-9/10")],
        &[FRESH, ETAG, said("bytes 3-9/10")],
        &[FRESH, ETAG, said("bytes 0-9/10")],
        &[FRESH, ETAG, right, ("content-length", "7")],
        &[FRESH, ETAG],
        // What must not be kept.
        &[("cache-control", "no-store"), ETAG, right],
    ] {
        let receipt = completing(206, response);
        assert!(matches!(receipt, Receipt::FetchAgain), "{response:?}");
    }
    assert!(matches!(completing(416, &[]), Receipt::FetchAgain));
    assert!(matches!(completing(304, &[ETAG]), Receipt::FetchAgain));
}

#[test]
fn the_whole_takes_the_place_of_a_part() {
    let head = stored(completing(
        200,
        &[FRESH, ("etag", "\"b\""), ("content-length", "7")],
    ));
    assert_eq!((head.status, head.length), (StatusCode::OK, Some(7)));
}

#[test]
fn parts_are_combined_by_a_strong_date_too() {
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    let same = ("if-range", modified.1);
    let front = part(&[FRESH, modified], "bytes 0-3/10", 4);
    let combines = |response: Fields<'_>| {
        let receipt = of(&[], Some(&front), &[RANGE, same], 206, response);
        matches!(receipt, Receipt::Combine(_))
    };
    assert!(combines(&[modified, said("bytes 4-9/10")]));
    assert!(!combines(&[said("bytes 4-9/10")]));
    assert!(!combines(&[modified, ETAG, said("bytes 4-9/10")]));
    let at_once = ("date", modified.1);
    assert!(!combines(&[modified, at_once, said("bytes 4-9/10")]));
}

#[test]
fn what_the_client_asks_for_itself_is_stored_if_it_is_of_its_version() {
    // Its complete length is not known: it cannot be completed.
    let front = part(&[FRESH, ETAG], "bytes 0-1/*", 2);
    let client = [RANGE, SAME];
    let new = |tag| [FRESH, ("etag", tag), said("bytes 4-9/10")];
    let receipt = of(&client, Some(&front), &client, 206, &new("\"a\""));
    assert_eq!(stored(receipt).body_start(), 4);
    // The client has a part of the one version, and was to get one of the other.
    let receipt = of(&client, Some(&front), &client, 206, &new("\"b\""));
    assert!(matches!(receipt, Receipt::FetchAgain));
}

#[test]
fn a_stale_part_is_freshened_or_replaced() {
    let stale = part(&[ETAG], "bytes 4-7/10", 4);
    let asked = [("if-none-match", "\"a\""), RANGE];
    let receipt = of(&[RANGE], Some(&stale), &asked, 304, &[FRESH, ETAG]);
    let Receipt::Freshened(head) = receipt else {
        panic!("{receipt:?}");
    };
    assert_eq!(
        (head.status, head.length),
        (StatusCode::PARTIAL_CONTENT, Some(10))
    );
    assert_eq!((head.body_start(), head.body_length()), (4, Some(4)));
    assert_eq!(head.ttl(at(0)), 10);
    let new = [FRESH, ("etag", "\"b\""), said("bytes 4-8/9")];
    let receipt = of(&[RANGE], Some(&stale), &asked, 206, &new);
    assert_eq!(stored(receipt).length, Some(9));
}

#[test]
fn no_error_that_a_range_may_have_caused_is_kept() {
    for status in [400, 403, 416, 500, 501] {
        let receipt = of(&[RANGE], None, &[RANGE], status, &[FRESH]);
        assert!(is_relayed(&receipt), "{status}");
    }
    for status in [200, 301, 404, 410] {
        stored(of(&[RANGE], None, &[RANGE], status, &[FRESH]));
    }
    assert!(is_relayed(&of(&[], None, &[], 416, &[FRESH])));
}

#[test]
fn a_whole_that_is_stale_is_not_replaced_by_a_part_unasked() {
    let whole = head(&[ETAG]);
    let asked = [("if-none-match", "\"a\"")];
    let receipt = of(
        &[RANGE],
        Some(&whole),
        &asked,
        206,
        &[FRESH, said("bytes 4-9/10")],
    );
    assert!(is_relayed(&receipt));
}

/// What becomes of an answer to the slices in which lies what the client asks for.
fn widened(status: u16, response: Fields<'_>) -> Receipt {
    let policy = Policy {
        slice: Some(4),
        ..Policy::default()
    };
    let fields = map(&[("range", "bytes=5-6")]);
    let request = RequestHead {
        method: &Method::GET,
        headers: &fields,
    };
    let asked = crate::asking::afresh(&request, &policy);
    assert_eq!(asked, map(&[("range", "bytes=4-7")]));
    let response = ResponseHead {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &map(response),
    };
    receive_any(&request, None, &asked, response, &policy, times())
}

#[test]
fn slices_are_stored_or_the_client_asks_for_itself() {
    let head = stored(widened(206, &[FRESH, said("bytes 4-7/10")]));
    assert_eq!(head.held().unwrap().runs(), [4..8]);
    // Not to be stored: what the client gets must be what it asked for.
    let private = [("cache-control", "private"), said("bytes 4-7/10")];
    for (status, response, why) in [
        (206, &private[..], NotStored::Directive),
        (206, &[FRESH], NotStored::Status),
        (416, &[], NotStored::Status),
    ] {
        let receipt = widened(status, response);
        assert!(
            matches!(receipt, Receipt::AskAgain(reason) if reason == why),
            "{receipt:?}"
        );
    }
    assert_eq!(stored(widened(200, &[FRESH])).status, StatusCode::OK);
}
