use http::Method;

use super::*;
use crate::stored::testing::{at, head, head_for, map};

type Fields = &'static [(&'static str, &'static str)];

fn told(method: &Method, request: Fields, stored: &[StoredHead], now: u64) -> Explanation {
    let policy = Policy {
        obey_request_directives: true,
        ..Policy::default()
    };
    let request = RequestHead {
        method,
        headers: &map(request),
    };
    explain(&request, stored, &policy, at(now))
}

/// The outcome and the reason of a GET.
fn get(request: Fields, stored: Fields, now: u64) -> (&'static str, String) {
    let told = told(&Method::GET, request, &[head(stored)], now);
    (told.outcome.as_str(), told.because)
}

const MINUTE: Fields = &[("cache-control", "max-age=60"), ("etag", "\"a\"")];

#[test]
fn a_hit_says_how_long_and_by_what() {
    assert_eq!(
        get(&[], MINUTE, 12),
        (
            "hit",
            "fresh for 48 s more: max-age=60 (Cache-Control), age 12 (RFC 9111 4.2)".to_owned()
        )
    );
    let told = told(&Method::GET, &[], &[head(MINUTE)], 12);
    assert_eq!((told.variant, told.status), (Some(0), Some(StatusCode::OK)));
}

#[test]
fn a_hit_says_what_is_answered() {
    for (request, says) in [
        (&[("if-none-match", "\"a\"")][..], "304, for If-None-Match"),
        (
            &[("if-modified-since", "Sun, 09 Sep 2035 01:46:40 GMT")],
            "304, for it has not changed",
        ),
    ] {
        let (outcome, because) = get(request, MINUTE, 1);
        assert!(outcome == "hit" && because.contains(says), "{because}");
    }
    let ten: Fields = &[("cache-control", "max-age=60"), ("content-length", "10")];
    for (range, says) in [
        ("bytes=2-4", "206 with bytes 2-4 "),
        ("bytes=90-", "416, for it has none"),
    ] {
        let request = map(&[("range", range)]);
        let request = RequestHead {
            method: &Method::GET,
            headers: &request,
        };
        let told = explain(&request, &[head(ten)], &Policy::default(), at(1));
        assert!(told.because.contains(says), "{}", told.because);
    }
}

#[test]
fn what_is_stale_says_since_when_and_how_it_is_validated() {
    assert_eq!(
        get(&[], MINUTE, 72),
        (
            "revalidate",
            "stale since 12 s: max-age=60 (Cache-Control), age 72 (RFC 9111 4.2); \
             would be validated by If-None-Match (RFC 9111 4.3.1)"
                .to_owned()
        )
    );
    let (outcome, because) = get(&[], &[("cache-control", "max-age=60")], 72);
    assert!(
        outcome == "miss" && because.ends_with("no validator, so it would be fetched anew"),
        "{because}"
    );
    let no_cache: Fields = &[("cache-control", "no-cache"), ("etag", "\"a\"")];
    let (outcome, because) = get(&[], no_cache, 0);
    assert!(
        outcome == "revalidate" && because.contains("each use (RFC 9111 5.2.2.4)"),
        "{because}"
    );
}

#[test]
fn what_is_served_stale_says_why() {
    let window: Fields = &[
        ("cache-control", "max-age=60, stale-while-revalidate=30"),
        ("etag", "\"a\""),
    ];
    let (outcome, because) = get(&[], window, 72);
    assert!(
        outcome == "stale-while-revalidate"
            && because.contains("stale since 12 s")
            && because.contains("RFC 5861 3"),
        "{because}"
    );
    let (outcome, because) = get(&[("cache-control", "max-stale")], MINUTE, 72);
    assert!(
        outcome == "hit" && because.contains("max-stale, RFC 9111 5.2.1.2"),
        "{because}"
    );
    let (outcome, because) = get(&[("cache-control", "only-if-cached")], window, 72);
    assert!(
        outcome == "hit" && because.contains("RFC 9111 5.2.1.7"),
        "{because}"
    );
}

#[test]
fn a_request_that_asks_for_more_is_told_so() {
    for (request, says) in [
        (&[("cache-control", "no-cache")][..], "RFC 9111 5.2.1)"),
        (&[("if-match", "\"x\"")], "RFC 9111 4.3.2)"),
    ] {
        let (outcome, because) = get(request, MINUTE, 1);
        assert!(
            outcome == "revalidate" && because.contains(says),
            "{because}"
        );
    }
}

#[test]
fn what_is_not_there_says_what_is() {
    let none = told(&Method::GET, &[], &[], 0);
    assert_eq!(none.outcome, Outcome::Miss);
    assert_eq!(
        none.because,
        "nothing is stored under this key (RFC 9111 4)"
    );
    let german = head_for(
        &[("accept-language", "de")],
        &[("cache-control", "max-age=60"), ("vary", "Accept-Language")],
    );
    let other = told(&Method::GET, &[("accept-language", "en")], &[german], 0);
    assert_eq!(other.outcome, Outcome::Miss);
    assert!(
        other.because.contains("of 1 stored") && other.because.contains("accept-language"),
        "{}",
        other.because
    );
    let refused = told(&Method::GET, &[("cache-control", "only-if-cached")], &[], 0);
    assert_eq!(refused.outcome, Outcome::Refuse);
    assert_eq!(refused.status, Some(StatusCode::GATEWAY_TIMEOUT));
}

#[test]
fn what_passes_by_says_why() {
    for (method, request, says) in [
        (Method::POST, &[][..], "answers to POST"),
        (Method::GET, &[("content-length", "5")], "has content"),
        (Method::HEAD, &[], "the answer to HEAD is not stored"),
        (Method::GET, &[("cache-control", "no-store")], "no-store"),
    ] {
        let told = told(&method, request, &[], 0);
        assert_eq!(told.outcome, Outcome::Pass);
        assert!(told.because.contains(says), "{}", told.because);
    }
}

#[test]
fn a_bypass_says_what_has_it_pass_by() {
    let because = |policy: Policy, request: Fields| {
        let request = RequestHead {
            method: &Method::GET,
            headers: &map(request),
        };
        explain(&request, &[head(MINUTE)], &policy, at(0)).because
    };
    let bypass = Policy {
        bypass: true,
        ..Policy::default()
    };
    assert!(because(bypass.clone(), &[]).contains("(bypass)"));
    let content = because(bypass, &[("content-length", "5")]);
    assert!(content.contains("has content"), "{content}");
    let strict = Policy {
        cookies: crate::Cookies::Strict,
        ..Policy::default()
    };
    assert!(because(strict, &[("cookie", "a=b")]).contains("has cookies"));
}
