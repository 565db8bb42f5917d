use http::Method;

use super::*;
use crate::stored::testing::{at, head, map};

type Fields<'a> = &'a [(&'static str, &'static str)];

const FRESH: (&str, &str) = ("cache-control", "max-age=10");
const ETAG: (&str, &str) = ("etag", "\"a\"");

fn of(
    request: Fields<'_>,
    stored: Option<&StoredHead>,
    status: u16,
    response: Fields<'_>,
    now: u64,
) -> Receipt {
    let request = RequestHead {
        method: &Method::GET,
        headers: &map(request),
    };
    let response = ResponseHead {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &map(response),
    };
    let times = Times {
        requested: at(now),
        received: at(now),
    };
    receive(
        &request,
        stored,
        &HeaderMap::new(),
        response,
        &Policy::default(),
        times,
    )
}

fn why(status: u16, response: Fields<'_>) -> Option<NotStored> {
    match of(&[], None, status, response, 0) {
        Receipt::Relay(why) => Some(why),
        Receipt::Store(_) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_fresh_or_can_be_validated_is_stored() {
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    for response in [
        &[FRESH][..],
        &[modified],
        &[ETAG],
        &[ETAG, ("cache-control", "no-cache")],
        &[ETAG, ("cache-control", "max-age=0")],
        &[("cache-control", "max-age=0, stale-if-error=60")],
    ] {
        assert_eq!(why(200, response), None, "{response:?}");
    }
}

#[test]
fn what_is_neither_is_relayed() {
    for response in [
        &[][..],
        &[("cache-control", "max-age=0")],
        &[("cache-control", "no-cache")],
        &[("expires", "0")],
        &[FRESH, ("age", "10")],
        &[(
            "cache-control",
            "max-age=0, stale-if-error=60, must-revalidate",
        )],
    ] {
        assert_eq!(
            why(200, response),
            Some(NotStored::NothingToGain),
            "{response:?}"
        );
    }
}

#[test]
fn cookies_are_stored_only_with_explicit_freshness() {
    let cookie = ("set-cookie", "a=b");
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    for response in [
        &[cookie, modified][..],
        &[cookie, ETAG],
        &[cookie, ETAG, ("cache-control", "max-age=0")],
        &[cookie, ETAG, ("cache-control", "max-age=10, no-cache")],
    ] {
        assert_eq!(
            why(200, response),
            Some(NotStored::SetCookie),
            "{response:?}"
        );
    }
    for line in ["max-age=10", "s-maxage=10"] {
        assert_eq!(why(200, &[cookie, ("cache-control", line)]), None, "{line}");
    }
    assert_eq!(
        why(
            200,
            &[
                cookie,
                modified,
                ("cache-control", "private=\"set-cookie\"")
            ]
        ),
        None
    );
}

#[test]
fn nothing_is_guessed_for_a_request_with_cookies() {
    let modified = [("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let Receipt::Store(head) = of(&[("cookie", "a=b")], None, 200, &modified, 0) else {
        panic!("not stored");
    };
    assert_eq!(head.ttl(at(0)), 0);
}

#[test]
fn failures_are_stored_only_with_explicit_freshness() {
    for status in [429, 451, 500, 503] {
        assert_eq!(why(status, &[ETAG]), Some(NotStored::Status), "{status}");
        assert_eq!(why(status, &[FRESH]), None, "{status}");
    }
}

#[test]
fn a_304_freshens_what_it_is_for() {
    let stored = head(&[FRESH, ETAG]);
    assert!(matches!(
        of(&[], Some(&stored), 304, &[ETAG], 20),
        Receipt::Freshened(_)
    ));
    let other = of(&[], Some(&stored), 304, &[("etag", "\"b\"")], 20);
    assert!(matches!(other, Receipt::FetchAgain));
    let unasked = of(&[], None, 304, &[ETAG], 20);
    assert!(matches!(unasked, Receipt::Relay(NotStored::Status)));
}

#[test]
fn another_response_takes_the_place_of_the_stored_one() {
    let stored = head(&[FRESH, ETAG]);
    assert!(matches!(
        of(&[], Some(&stored), 200, &[FRESH], 20),
        Receipt::Store(_)
    ));
    assert!(matches!(
        of(&[], Some(&stored), 404, &[FRESH], 20),
        Receipt::Store(_)
    ));
    let private = of(&[], Some(&stored), 200, &[("cache-control", "private")], 20);
    assert!(matches!(private, Receipt::Relay(NotStored::Directive)));
}

#[test]
fn a_stale_response_stands_in_for_a_failure() {
    let stored = head(&[FRESH]);
    for status in [500, 502, 503, 504] {
        assert!(matches!(
            of(&[], Some(&stored), status, &[], 20),
            Receipt::ServeStale
        ));
    }
    for status in [404, 429, 501] {
        assert!(!matches!(
            of(&[], Some(&stored), status, &[], 20),
            Receipt::ServeStale
        ));
    }
    let late = of(&[], Some(&stored), 503, &[], 611);
    assert!(matches!(late, Receipt::Relay(NotStored::Status)));
    let strict = head(&[("cache-control", "max-age=10, must-revalidate")]);
    let forbidden = of(&[], Some(&strict), 503, &[], 20);
    assert!(matches!(forbidden, Receipt::Relay(NotStored::Status)));
}
