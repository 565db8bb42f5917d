use http::Method;

use super::*;
use crate::Cookies;
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

/// RFC 9111 section 7.3: what came for one user's cookies may be of that user.
#[test]
fn what_came_for_cookies_is_stored_only_with_explicit_freshness() {
    let with_cookie = |response: Fields<'_>| match of(&[("cookie", "a=b")], None, 200, response, 0)
    {
        Receipt::Relay(why) => Some(why),
        _ => None,
    };
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    for response in [
        &[modified][..],
        &[ETAG],
        &[ETAG, ("cache-control", "public")],
        &[ETAG, ("cache-control", "max-age=0")],
        &[ETAG, ("cache-control", "no-cache")],
        &[ETAG, ("cache-control", "max-age=10, no-cache")],
        &[("cache-control", "max-age=0, stale-if-error=60")],
        &[FRESH, ("cdn-cache-control", "max-age=0, stale-if-error=60")],
    ] {
        let why = with_cookie(response);
        assert_eq!(why, Some(NotStored::Cookie), "{response:?}");
    }
    for response in [
        &[FRESH][..],
        &[("cache-control", "s-maxage=10")],
        &[("expires", "Sun, 06 Nov 2044 08:49:37 GMT")],
        &[("cdn-cache-control", "max-age=10")],
    ] {
        assert_eq!(with_cookie(response), None, "{response:?}");
    }
}

fn under(
    policy: &Policy,
    request: Fields<'_>,
    status: u16,
    response: Fields<'_>,
) -> Option<NotStored> {
    let request = RequestHead {
        method: &Method::GET,
        headers: &map(request),
    };
    let response = ResponseHead {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &map(response),
    };
    let times = Times {
        requested: at(0),
        received: at(0),
    };
    match receive(&request, None, &map(&[]), response, policy, times) {
        Receipt::Relay(why) => Some(why),
        _ => None,
    }
}

#[test]
fn a_strict_policy_shares_nothing_that_has_to_do_with_cookies() {
    let strict = Policy {
        cookies: Cookies::Strict,
        ..Policy::default()
    };
    let sets = [FRESH, ("set-cookie", "a=b")];
    assert_eq!(under(&strict, &[], 200, &sets), Some(NotStored::SetCookie));
    let brought = under(&strict, &[("cookie", "a=b")], 200, &[FRESH]);
    assert_eq!(brought, Some(NotStored::Request));
    assert_eq!(under(&strict, &[], 200, &[FRESH]), None);
}

#[test]
fn a_ttl_of_the_operators_makes_nothing_shareable_that_is_not() {
    let policy = Policy {
        ttl: Some(std::time::Duration::from_secs(60)),
        ..Policy::default()
    };
    let cookie = [("cookie", "a=b")];
    assert_eq!(under(&policy, &[], 200, &[]), None);
    assert_eq!(under(&policy, &[], 302, &[]), Some(NotStored::Status));
    assert_eq!(under(&policy, &cookie, 200, &[]), Some(NotStored::Cookie));
    assert_eq!(under(&policy, &cookie, 200, &[FRESH]), None);
    let sets = [("set-cookie", "a=b")];
    assert_eq!(under(&policy, &[], 200, &sets), Some(NotStored::SetCookie));
    for line in ["no-store", "private"] {
        let why = under(&policy, &[], 200, &[("cache-control", line)]);
        assert_eq!(why, Some(NotStored::Directive), "{line}");
    }
    let authorized = under(&policy, &[("authorization", "x")], 200, &[FRESH]);
    assert_eq!(authorized, Some(NotStored::Request));
    let also_302 = Policy {
        ttl_statuses: vec![302],
        ..policy
    };
    assert_eq!(under(&also_302, &[], 302, &[]), None);
}

#[test]
fn errors_without_freshness_are_stored_where_there_is_a_negative_ttl() {
    let policy = Policy {
        negative_ttl: std::time::Duration::from_secs(5),
        negative_statuses: vec![404, 503],
        ..Policy::default()
    };
    assert_eq!(under(&policy, &[], 503, &[]), None);
    assert_eq!(under(&policy, &[], 404, &[]), None);
    assert_eq!(under(&policy, &[], 500, &[]), Some(NotStored::Status));
    let nothing = under(&Policy::default(), &[], 404, &[]);
    assert_eq!(nothing, Some(NotStored::NothingToGain));
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
