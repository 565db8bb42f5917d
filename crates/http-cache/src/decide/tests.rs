use super::*;
use crate::Cookies;
use crate::stored::testing::{at, head, head_for, map, part};

type Fields<'a> = &'a [(&'static str, &'static str)];

const FRESH: (&str, &str) = ("cache-control", "max-age=100");
const ETAG: (&str, &str) = ("etag", "\"a\"");

fn with(
    method: &Method,
    request: Fields<'_>,
    stored: &[StoredHead],
    policy: &Policy,
    now: u64,
) -> Decision {
    let request = RequestHead {
        method,
        headers: &map(request),
    };
    decide(&request, stored, policy, at(now))
}

fn get(request: Fields<'_>, stored: &[StoredHead], now: u64) -> Decision {
    with(&Method::GET, request, stored, &Policy::default(), now)
}

fn obeying(request: Fields<'_>, stored: &[StoredHead], now: u64) -> Decision {
    let policy = Policy {
        obey_request_directives: true,
        ..Policy::default()
    };
    with(&Method::GET, request, stored, &policy, now)
}

fn revalidate(conditions: Fields<'_>, why: Miss) -> Decision {
    Decision::Fetch {
        variant: Some(0),
        fields: map(conditions),
        why,
    }
}

fn asking(variant: Option<usize>, fields: Fields<'_>, why: Miss) -> Decision {
    Decision::Fetch {
        variant,
        fields: map(fields),
        why,
    }
}

fn fetch(why: Miss) -> Decision {
    Decision::Fetch {
        variant: None,
        fields: map(&[]),
        why,
    }
}

fn status(decision: &Decision) -> Option<u16> {
    match decision {
        Decision::Serve(serve) => Some(serve.status.as_u16()),
        _ => None,
    }
}

#[test]
fn nothing_stored_is_fetched() {
    assert_eq!(get(&[], &[], 0), fetch(Miss::Uri));
    let range = [("range", "bytes=0-1"), ("if-none-match", "\"a\"")];
    assert_eq!(get(&range, &[], 0), asking(None, &range[..1], Miss::Uri));
    let condition = [("if-none-match", "\"a\"")];
    assert_eq!(get(&condition, &[], 0), fetch(Miss::Uri));
    let head = with(&Method::HEAD, &[], &[], &Policy::default(), 0);
    assert_eq!(head, Decision::Pass { why: Miss::Uri });
}

#[test]
fn other_methods_and_content_pass_by() {
    let stored = [head(&[FRESH])];
    for method in [Method::POST, Method::PUT, Method::OPTIONS] {
        let decision = with(&method, &[], &stored, &Policy::default(), 0);
        assert_eq!(decision, Decision::Pass { why: Miss::Method });
    }
    for content in [
        ("content-length", "5"),
        ("content-length", "x"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(
            get(&[content], &stored, 0),
            Decision::Pass { why: Miss::Bypass }
        );
    }
    assert_eq!(
        status(&get(&[("content-length", "0")], &stored, 0)),
        Some(200)
    );
}

#[test]
fn what_the_policy_keeps_away_from_the_store_passes_by() {
    let stored = [head(&[FRESH])];
    let bypass = Policy {
        bypass: true,
        ..Policy::default()
    };
    let pass = Decision::Pass { why: Miss::Bypass };
    assert_eq!(with(&Method::GET, &[], &stored, &bypass, 0), pass);
    let strict = Policy {
        cookies: Cookies::Strict,
        ..Policy::default()
    };
    let cookie = [("cookie", "a=b")];
    assert_eq!(with(&Method::GET, &cookie, &stored, &strict, 0), pass);
    assert_eq!(
        status(&with(&Method::GET, &[], &stored, &strict, 0)),
        Some(200)
    );
    assert_eq!(status(&get(&cookie, &stored, 0)), Some(200));
}

#[test]
fn what_is_fresh_is_served_with_its_age() {
    let serve = Serve {
        variant: 0,
        status: StatusCode::OK,
        body: BodyPart::Whole,
        age: 99,
        ttl: 1,
    };
    assert_eq!(get(&[], &[head(&[FRESH])], 99), Decision::Serve(serve));
}

#[test]
fn a_head_is_served_from_a_get() {
    let decision = with(&Method::HEAD, &[], &[head(&[FRESH])], &Policy::default(), 9);
    assert!(matches!(
        decision,
        Decision::Serve(Serve {
            body: BodyPart::None,
            ..
        })
    ));
    let stale = with(
        &Method::HEAD,
        &[],
        &[head(&[FRESH, ETAG])],
        &Policy::default(),
        100,
    );
    assert_eq!(
        stale,
        revalidate(&[("if-none-match", "\"a\"")], Miss::Stale)
    );
}

#[test]
fn the_clients_conditions_and_range_are_met_from_the_store() {
    let stored = [head(&[FRESH, ETAG, ("content-length", "10")])];
    assert_eq!(
        status(&get(&[("if-none-match", "W/\"a\"")], &stored, 0)),
        Some(304)
    );
    assert_eq!(
        status(&get(&[("if-none-match", "\"b\"")], &stored, 0)),
        Some(200)
    );
    assert_eq!(
        status(&get(&[("range", "bytes=0-1")], &stored, 0)),
        Some(206)
    );
    assert_eq!(
        status(&get(&[("range", "bytes=10-")], &stored, 0)),
        Some(416)
    );
    assert_eq!(
        status(&get(&[("if-match", "\"a\"")], &stored, 0)),
        Some(200)
    );
}

#[test]
fn a_failed_precondition_is_checked_with_the_next_tier() {
    let stored = [head(&[FRESH, ETAG])];
    let expected = revalidate(&[("if-none-match", "\"a\"")], Miss::Request);
    assert_eq!(get(&[("if-match", "\"b\"")], &stored, 0), expected);
}

#[test]
fn what_is_stale_is_validated_with_what_was_stored() {
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    let conditions = [
        ("if-none-match", "\"a\""),
        ("if-modified-since", modified.1),
    ];
    let stored = [head(&[FRESH, ETAG, modified])];
    let client = [("if-none-match", "\"mine\"")];
    assert_eq!(
        get(&client, &stored, 100),
        revalidate(&conditions, Miss::Stale)
    );
    assert_eq!(
        get(&[], &[head(&[FRESH])], 100),
        revalidate(&[], Miss::Stale)
    );
}

#[test]
fn no_cache_is_validated_at_each_use() {
    let stored = [head(&[("cache-control", "max-age=100, no-cache"), ETAG])];
    assert_eq!(
        get(&[], &stored, 0),
        revalidate(&[("if-none-match", "\"a\"")], Miss::Stale)
    );
}

#[test]
fn the_newest_selected_variant_answers() {
    let variant = |value: &'static str| head_for(&[("a", value)], &[FRESH, ("vary", "a")]);
    let stored = [variant("1"), variant("2"), variant("2")];
    let index = |request: Fields<'_>| match get(request, &stored, 0) {
        Decision::Serve(serve) => Some(serve.variant),
        _ => None,
    };
    assert_eq!(index(&[("a", "1")]), Some(0));
    assert_eq!(index(&[("a", "2")]), Some(1));
    assert_eq!(get(&[], &stored, 0), fetch(Miss::Vary));
    let head = with(&Method::HEAD, &[], &stored, &Policy::default(), 0);
    assert_eq!(head, Decision::Pass { why: Miss::Vary });
}

#[test]
fn only_if_cached_asks_nobody() {
    let only = [("cache-control", "only-if-cached")];
    let refused = Decision::Refuse(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(get(&only, &[], 0), refused);
    assert_eq!(get(&only, &[head(&[FRESH])], 100), refused);
    assert_eq!(status(&get(&only, &[head(&[FRESH])], 0)), Some(200));
    let post = with(&Method::POST, &only, &[], &Policy::default(), 0);
    assert_eq!(post, Decision::Pass { why: Miss::Method });
}

#[test]
fn a_clients_directives_count_only_where_they_are_obeyed() {
    let stored = [head(&[FRESH, ETAG])];
    for line in ["no-cache", "max-age=0", "min-fresh=1000"] {
        let request = [("cache-control", line)];
        assert_eq!(status(&get(&request, &stored, 1)), Some(200), "{line}");
        let validated = revalidate(&[("if-none-match", "\"a\"")], Miss::Request);
        assert_eq!(obeying(&request, &stored, 1), validated, "{line}");
    }
    let stale = [("cache-control", "max-stale=10")];
    assert_eq!(status(&get(&stale, &stored, 105)), None);
    assert_eq!(status(&obeying(&stale, &stored, 105)), Some(200));
    let secret = [("cache-control", "no-store")];
    assert_eq!(
        obeying(&secret, &[], 0),
        Decision::Pass { why: Miss::Request }
    );
    assert_eq!(status(&obeying(&secret, &stored, 0)), Some(200));
}

#[test]
fn what_is_stale_is_served_while_it_is_validated() {
    let window = ("cache-control", "max-age=100, stale-while-revalidate=10");
    let stored = [head(&[window, ETAG, ("content-length", "10")])];
    let serve = |status, body| Decision::ServeWhileRevalidating {
        serve: Serve {
            variant: 0,
            status,
            body,
            age: 110,
            ttl: -10,
        },
        fields: map(&[("if-none-match", "\"a\"")]),
    };
    let whole = serve(StatusCode::OK, BodyPart::Whole);
    assert_eq!(get(&[], &stored, 110), whole);
    assert_eq!(
        get(&[], &stored, 111),
        revalidate(&[("if-none-match", "\"a\"")], Miss::Stale)
    );
    // The client's own conditions and Range are met; a part is served, the whole is validated.
    let range = [("range", "bytes=0-1")];
    let part = serve(StatusCode::PARTIAL_CONTENT, BodyPart::Range(0..2));
    assert_eq!(get(&range, &stored, 110), part);
    let same = [("if-none-match", "\"a\"")];
    let not_modified = serve(StatusCode::NOT_MODIFIED, BodyPart::None);
    assert_eq!(get(&same, &stored, 110), not_modified);
    // A 412 would be a guess.
    assert_eq!(
        get(&[("if-match", "\"b\"")], &stored, 110),
        revalidate(&[("if-none-match", "\"a\"")], Miss::Request)
    );
    // Nobody is to be asked.
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(status(&get(&only, &stored, 110)), Some(200));
}

#[test]
fn a_miss_asks_for_one_range_alone() {
    for (range, if_range, asked) in [
        ("bytes=0-1", None, true),
        ("bytes=-5", None, true),
        ("bytes=0-1,4-5", None, false),
        ("lines=0-1", None, false),
        ("bytes=0-1", Some("\"a\""), true),
        ("bytes=0-1", Some("W/\"a\""), false),
    ] {
        let mut request = vec![("range", range)];
        request.extend(if_range.map(|tag| ("if-range", tag)));
        let fields = if asked { &request[..] } else { &[] };
        assert_eq!(get(&request, &[], 0), asking(None, fields, Miss::Uri));
        let pass = Decision::Pass { why: Miss::Uri };
        let head = with(&Method::HEAD, &request, &[], &Policy::default(), 0);
        assert_eq!(head, pass);
    }
}

#[test]
fn a_part_serves_what_it_holds_and_is_completed_for_the_rest() {
    let stored = [part(&[FRESH, ETAG], "bytes 0-5/10", 6)];
    assert_eq!(
        status(&get(&[("range", "bytes=2-4")], &stored, 0)),
        Some(206)
    );
    assert_eq!(
        status(&get(&[("range", "bytes=10-")], &stored, 0)),
        Some(416)
    );
    let same = ("if-range", "\"a\"");
    for (request, asked) in [
        (&[][..], "bytes=6-"),
        (&[("range", "bytes=2-7")], "bytes=6-7"),
        (&[("range", "bytes=-4")], "bytes=6-"),
        (&[("range", "bytes=8-8")], "bytes=8-8"),
        (&[("range", "bytes=0-1"), ("if-range", "\"b\"")], "bytes=6-"),
    ] {
        let lacks = asking(Some(0), &[("range", asked), same], Miss::Partial);
        // Fresh or stale, the condition says whether it still holds.
        for now in [0, 200] {
            assert_eq!(get(request, &stored, now), lacks, "{request:?}");
        }
    }
    let unasked = [("cache-control", "only-if-cached")];
    let timeout = Decision::Refuse(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(get(&unasked, &stored, 0), timeout);
}

#[test]
fn a_stale_part_is_validated_with_the_range_that_is_wanted() {
    let stored = [part(&[FRESH, ETAG], "bytes 0-5/10", 6)];
    let condition = ("if-none-match", "\"a\"");
    let range = ("range", "bytes=2-4");
    assert_eq!(
        get(&[range], &stored, 200),
        asking(Some(0), &[condition, range], Miss::Stale)
    );
    // Of another version, the client wants the whole.
    let if_range = [range, ("if-range", "\"a\"")];
    assert_eq!(
        get(&if_range, &stored, 200),
        asking(Some(0), &[condition], Miss::Stale)
    );
}

#[test]
fn the_head_of_a_part_is_that_of_the_whole_if_it_is_known() {
    let head = |stored| with(&Method::HEAD, &[], &[stored], &Policy::default(), 0);
    assert_eq!(status(&head(part(&[FRESH], "bytes 0-5/10", 6))), Some(200));
    let pass = Decision::Pass { why: Miss::Partial };
    assert_eq!(head(part(&[FRESH], "bytes 0-5/*", 6)), pass);
}

/// Each directive of a request, where it is obeyed and where not (RFC 9111 section 5.2.1).
#[test]
fn each_directive_of_a_request_counts_where_it_is_obeyed() {
    let stored = [head(&[FRESH, ETAG])];
    let validate = || revalidate(&[("if-none-match", "\"a\"")], Miss::Request);
    for (directive, now) in [
        ("no-cache", 0),
        ("max-age=0", 1),
        ("max-age=49", 50),
        ("min-fresh=51", 50),
    ] {
        let request = [("cache-control", directive)];
        assert_eq!(obeying(&request, &stored, now), validate(), "{directive}");
        let ignored = get(&request, &stored, now);
        assert_eq!(status(&ignored), Some(200), "{directive}");
    }
    let pragma = [("pragma", "no-cache")];
    assert_eq!(obeying(&pragma, &stored, 0), validate());
    assert_eq!(status(&get(&pragma, &stored, 0)), Some(200));
    for directive in ["max-stale", "max-stale=1"] {
        let request = [("cache-control", directive)];
        let obeyed = obeying(&request, &stored, 101);
        assert_eq!(status(&obeyed), Some(200), "{directive}");
        let ignored = get(&request, &stored, 101);
        assert_eq!(status(&ignored), None, "{directive}");
    }
    // It is of what is stored from now on, and not of what is stored already.
    let no_store = [("cache-control", "no-store")];
    assert_eq!(status(&obeying(&no_store, &stored, 0)), Some(200));
    let pass = Decision::Pass { why: Miss::Request };
    assert_eq!(obeying(&no_store, &[], 0), pass);
    assert_eq!(get(&no_store, &[], 0), fetch(Miss::Uri));
    for decide in [get, obeying] {
        let only_if_cached = [("cache-control", "only-if-cached")];
        assert_eq!(status(&decide(&only_if_cached, &stored, 0)), Some(200));
        let refused = decide(&only_if_cached, &[], 0);
        assert_eq!(refused, Decision::Refuse(StatusCode::GATEWAY_TIMEOUT));
    }
}

/// All that decides was parsed when the response was stored: without its fields, the same is
/// decided.
#[test]
fn the_fields_of_what_is_stored_decide_nothing_any_more() {
    let stored = head_for(
        &[("accept-language", "de")],
        &[
            ("cache-control", "max-age=100, stale-while-revalidate=10"),
            ("vary", "accept-language"),
            ("etag", "\"a\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("content-length", "10"),
        ],
    );
    let mut bare = stored.clone();
    bare.headers = HeaderMap::new().into();
    for fields in [
        &[][..],
        &[("cache-control", "max-age=5, min-fresh=5")],
        &[("if-none-match", "\"a\"")],
        &[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("range", "bytes=2-3"), ("if-range", "\"a\"")],
        &[("if-match", "\"b\"")],
    ] {
        let request = [&[("accept-language", "de")], fields].concat();
        for now in [0, 50, 105, 200] {
            let (whole, without) = (
                obeying(&request, std::slice::from_ref(&stored), now),
                obeying(&request, std::slice::from_ref(&bare), now),
            );
            match whole {
                // The fields that a validation sends are copied out of them.
                Decision::Fetch { .. } | Decision::ServeWhileRevalidating { .. } => {
                    assert_eq!(kind(&whole), kind(&without), "{fields:?} {now}");
                }
                _ => assert_eq!(whole, without, "{fields:?} {now}"),
            }
        }
    }
}

fn kind(decision: &Decision) -> std::mem::Discriminant<Decision> {
    std::mem::discriminant(decision)
}
