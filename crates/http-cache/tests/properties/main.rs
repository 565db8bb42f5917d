//! What holds for all requests and responses, hostile ones included.

mod at_once;
#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod lines;
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
mod parts;
mod served;
mod trusted;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{at, map};
use http::{HeaderMap, Method, StatusCode};
use perigee_http_cache::{
    BodyPart, Cookies, Decision, Failure, Policy, Receipt, Recovery, RequestHead, ResponseHead,
    Serve, StoredHead, Times, answer, decide, receive, receive_whole, recover,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Exchange {
    method: Method,
    request: HeaderMap,
    status: StatusCode,
    response: HeaderMap,
}

impl Exchange {
    fn request(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            headers: &self.request,
        }
    }

    fn response(&self) -> ResponseHead<'_> {
        ResponseHead {
            status: self.status,
            headers: &self.response,
        }
    }
}

prop_compose! {
    fn exchange()(
        method in hostile::method(),
        request in hostile::request(),
        status in hostile::status(),
        response in hostile::response(),
    ) -> Exchange {
        Exchange {
            method,
            request: map(&request),
            status: StatusCode::from_u16(status).unwrap(),
            response: map(&response),
        }
    }
}

prop_compose! {
    fn policy()(
        default_ttl in 0..100_u64,
        max_ttl in prop_oneof![Just(0_u64), Just(60), Just(u64::MAX)],
        heuristic_fraction in prop_oneof![Just(0.1), any::<f64>()],
        stale_if_error in prop_oneof![Just(0_u64), Just(60), Just(u64::MAX)],
        obey_request_directives: bool,
        ttl in proptest::option::weighted(0.2, 0..100_u64),
        negative_ttl in prop_oneof![Just(0_u64), Just(60), Just(u64::MAX)],
        cookies in proptest::sample::select(vec![Cookies::Explicit, Cookies::Strict, Cookies::Ignore]),
        bypass in proptest::bool::weighted(0.05),
    ) -> Policy {
        Policy {
            default_ttl: Duration::from_secs(default_ttl),
            max_ttl: Duration::from_secs(max_ttl),
            heuristic_fraction,
            stale_if_error: Duration::from_secs(stale_if_error),
            obey_request_directives,
            ttl: ttl.map(Duration::from_secs),
            negative_ttl: Duration::from_secs(negative_ttl),
            cookies,
            bypass,
            ..Policy::default()
        }
    }
}

fn time() -> impl Strategy<Value = SystemTime> {
    prop_oneof![
        8 => (common::BASE..common::BASE + 2000).prop_map(at),
        1 => Just(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
        1 => (0..400_000_000_000_u64).prop_map(at),
    ]
}

fn times() -> impl Strategy<Value = Times> {
    (time(), time()).prop_map(|(requested, received)| Times {
        requested,
        received,
    })
}

fn kept(receipt: Receipt) -> Option<StoredHead> {
    match receipt {
        Receipt::Store(head) | Receipt::Freshened(head) | Receipt::Combine(head) => {
            Some(Arc::unwrap_or_clone(head))
        }
        Receipt::Relay(_) | Receipt::AskAgain(_) | Receipt::FetchAgain | Receipt::ServeStale => {
            None
        }
    }
}

/// What a fetch for this request asks with.
fn asked(
    exchange: &Exchange,
    stored: &[&StoredHead],
    policy: &Policy,
    now: SystemTime,
) -> HeaderMap {
    match decide(&exchange.request(), stored, policy, now) {
        Decision::Fetch { fields, .. } | Decision::ServeWhileRevalidating { fields, .. } => fields,
        _ => HeaderMap::new(),
    }
}

/// The members of a list field, in lower case, as a reader who knows no quotes sees them.
fn words(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|b| *b == b','))
        .map(|word| String::from_utf8_lossy(word.trim_ascii()).to_ascii_lowercase())
        .collect()
}

fn check_rendered(head: &StoredHead, serve: &Serve) -> Result<(), TestCaseError> {
    let (status, headers) = head.render(serve, None);
    prop_assert_eq!(status, serve.status);
    prop_assert_eq!(headers.get_all("age").iter().count(), 1);
    prop_assert_eq!(headers.get("age").unwrap(), &serve.age.to_string());
    for hop_by_hop in ["connection", "transfer-encoding", "upgrade", "keep-alive"] {
        prop_assert!(!headers.contains_key(hop_by_hop));
    }
    if let BodyPart::Range(range) = &serve.body {
        prop_assert!(range.start < range.end);
        prop_assert!(head.length.is_none_or(|length| range.end <= length));
        let length = head
            .length
            .map_or("*".to_owned(), |length| length.to_string());
        let said = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        prop_assert_eq!(headers.get("content-range").unwrap(), &said);
        prop_assert_eq!(
            headers.get("content-length").unwrap(),
            &(range.end - range.start).to_string()
        );
    }
    Ok(())
}

/// What is written down of a head is all of it: everything is in its debug form.
fn check_recorded(head: &StoredHead) -> Result<(), TestCaseError> {
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    let read = StoredHead::decode(&bytes).map(|head| format!("{head:?}"));
    prop_assert_eq!(read, Ok(format!("{head:?}")));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_sequence_panics_and_every_answer_is_well_formed(
        first in exchange(),
        later in exchange(),
        policy in policy(),
        first_times in times(),
        later_times in times(),
        now in time(),
    ) {
        let mut stored = Vec::new();
        let fields = asked(&first, &[], &policy, now);
        stored.extend(kept(receive(&first.request(), None, &fields, first.response(), &policy, first_times)));
        // Heads that were not stored are answered from as well.
        stored.push(StoredHead::new(&first.request(), first.response(), &policy, first_times));
        for head in stored.clone() {
            let fields = asked(&later, &[&head], &policy, now);
            let receipt =
                receive(&later.request(), Some(&head), &fields, later.response(), &policy, later_times);
            // To fetch again is never said of a fetch of the whole.
            prop_assert!(!matches!(receipt, Receipt::FetchAgain) || later.status == 304 || !fields.is_empty());
            if let Receipt::Freshened(_) = &receipt {
                prop_assert_eq!(later.status, StatusCode::NOT_MODIFIED);
            }
            stored.extend(kept(receipt));
            let recovery =
                recover(&later.request(), Some(&head), Failure::Unreachable, &policy, now);
            prop_assert!(matches!(
                recovery,
                Recovery::ServeStale | Recovery::Fail(StatusCode::BAD_GATEWAY)
            ));
            prop_assert!(head.weight() > 0);
            if let Some(serve) = answer(&later.request(), 0, &head, &policy, now) {
                check_rendered(&head, &serve)?;
            }
        }
        if let Decision::Serve(serve) = decide(&later.request(), &stored, &policy, now) {
            check_rendered(&stored[serve.variant], &serve)?;
        }
        for head in &stored {
            check_recorded(head)?;
        }
    }

    #[test]
    fn what_must_not_be_stored_never_is(first in exchange(), policy in policy(), times in times()) {
        let receipt = receive(&first.request(), None, &HeaderMap::new(), first.response(), &policy, times);
        let Receipt::Store(head) = receipt else { return Ok(()) };
        prop_assert_eq!(&first.method, Method::GET);
        let directives = words(&first.response, "cache-control");
        let has = |name: &str| directives.iter().any(|d| d == name);
        // RFC 9111 section 5.2.2.
        prop_assert!(!has("private"));
        prop_assert!(!has("no-store") || has("must-understand"));
        // Section 4.1.
        prop_assert!(!words(&first.response, "vary").iter().any(|v| v == "*"));
        // Section 3.5.
        let is_shared = has("public") || has("must-revalidate")
            || directives.iter().any(|d| d.starts_with("s-maxage"));
        prop_assert!(!first.request.contains_key("authorization") || is_shared);
        // Section 3.1.
        for name in words(&first.response, "connection") {
            let is_for_all = ["etag", "cache-control", ""].contains(&name.as_str());
            prop_assert!(is_for_all || !head.headers.contains_key(name));
        }
        prop_assert!(!policy.bypass);
        // Section 7.3.
        let has_cookies =
            head.headers.contains_key("set-cookie") || first.request.contains_key("cookie");
        prop_assert!(!has_cookies || policy.cookies != Cookies::Strict);
        if has_cookies {
            let is_explicit = first.response.contains_key("expires")
                || directives.iter().any(|d| d.contains("max-age") || d.contains("s-maxage"));
            prop_assert!(is_explicit);
        }
    }

    /// It makes no difference to what is stored whether fields are copied or taken, and they can be
    /// given back.
    #[test]
    fn fields_that_are_taken_are_those_that_came(
        first in exchange(), later in exchange(), policy in policy(), times in times(),
    ) {
        let stored = StoredHead::new(&later.request(), later.response(), &policy, times);
        for (stored, fields) in [(None, HeaderMap::new()), (Some(&stored), asked(&first, &[&stored], &policy, times.received))] {
            let copied = receive(&first.request(), stored, &fields, first.response(), &policy, times);
            let mut left = first.response.clone();
            let whole = (first.status, &mut left);
            let taken = receive_whole(&first.request(), stored, &fields, whole, &policy, times);
            prop_assert_eq!(std::mem::discriminant(&copied), std::mem::discriminant(&taken));
            let (copied, taken) = (kept(copied), kept(taken));
            prop_assert_eq!(&copied, &taken);
            let mut came = first.response.clone();
            if let Some(taken) = taken.filter(|_| left.is_empty() && !first.response.is_empty()) {
                left = taken.as_came();
                // It is the length of the body: said once, however often that came (RFC 9110 section 8.6).
                if let Some(length) = first.response.get("content-length") {
                    left.insert("content-length", length.clone());
                    came.insert("content-length", length.clone());
                }
            }
            prop_assert_eq!(&left, &came);
        }
    }

    #[test]
    fn nothing_stale_or_for_others_is_served(
        first in exchange(),
        later in exchange(),
        times in times(),
        now in time(),
    ) {
        let policy = Policy::default();
        let stored = kept(receive(&first.request(), None, &HeaderMap::new(), first.response(), &policy, times));
        let stored: Vec<StoredHead> = stored.into_iter().collect();
        if let Decision::Serve(serve) = decide(&later.request(), &stored, &policy, now) {
            prop_assert!(serve.ttl > 0);
            prop_assert!(!words(&first.response, "cache-control").iter().any(|d| d == "no-cache"));
            for name in words(&first.response, "vary").iter().filter(|n| n.starts_with("x-")) {
                let value = |map| words(map, name).join(",").replace(' ', "").trim_matches(',').to_owned();
                prop_assert_eq!(value(&first.request), value(&later.request));
                prop_assert_eq!(first.request.contains_key(name), later.request.contains_key(name));
            }
        }
    }

    #[test]
    fn a_304_is_for_a_client_that_has_what_is_stored(
        first in exchange(),
        later in exchange(),
        times in times(),
        now in time(),
    ) {
        let head = StoredHead::new(&first.request(), first.response(), &Policy::default(), times);
        let policy = Policy::default();
        let Some(serve) = answer(&later.request(), 0, &head, &policy, now) else {
            return Ok(());
        };
        if serve.status != StatusCode::NOT_MODIFIED || head.status == serve.status {
            return Ok(());
        }
        prop_assert!(head.status.is_success());
        if later.request.contains_key("if-none-match") {
            let bare = |tag: &str| tag.trim_start_matches("W/").to_owned();
            let text = |v: &http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
            let own = head.headers.get("etag").map(|v| bare(&text(v)));
            let has = later.request.get_all("if-none-match").iter().any(|line| {
                let line = text(line);
                line.contains('*') || own.as_ref().is_some_and(|own| line.contains(own.as_str()))
            });
            prop_assert!(has);
        } else {
            let since = later.request.get("if-modified-since").unwrap().to_str().unwrap();
            let since = httpdate::parse_http_date(since).unwrap();
            // A date that stands there twice is none (RFC 9110 section 5.3).
            let date = |name| {
                let mut lines = head.headers.get_all(name).iter();
                let (value, None) = (lines.next()?, lines.next()) else {
                    return None;
                };
                httpdate::parse_http_date(value.to_str().ok()?).ok()
            };
            let own = date("last-modified").or(date("date")).unwrap_or(times.received);
            prop_assert!(own <= since);
        }
    }

    #[test]
    fn the_age_never_falls_and_ttl_is_lifetime_less_age(
        first in exchange(),
        policy in policy(),
        times in times(),
        mut moments in proptest::collection::vec(time(), 2..6),
    ) {
        let head = StoredHead::new(&first.request(), first.response(), &policy, times);
        moments.sort();
        let lifetime = |now| i128::from(head.ttl(now)) + i128::from(head.age(now).as_secs());
        for pair in moments.windows(2) {
            prop_assert!(head.age(pair[0]) <= head.age(pair[1]));
            prop_assert!(head.ttl(pair[0]) >= head.ttl(pair[1]));
            prop_assert_eq!(lifetime(pair[0]), lifetime(pair[1]));
        }
    }
}

#[test]
fn generated_exchanges_reach_every_outcome() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut stored, mut served, mut validated, mut freshened) = (0, 0, 0, 0);
    let times = Times {
        requested: at(common::BASE),
        received: at(common::BASE),
    };
    let policy = Policy::default();
    for _ in 0..5000 {
        let mut new = || exchange().new_tree(&mut runner).unwrap().current();
        let (first, later) = (new(), new());
        let Receipt::Store(head) = receive(
            &first.request(),
            None,
            &HeaderMap::new(),
            first.response(),
            &policy,
            times,
        ) else {
            continue;
        };
        stored += 1;
        match decide(&later.request(), &[&*head], &policy, at(common::BASE + 30)) {
            Decision::Serve(_) => served += 1,
            Decision::Fetch {
                variant: Some(_), ..
            } => validated += 1,
            _ => {}
        }
        let not_modified = ResponseHead {
            status: StatusCode::NOT_MODIFIED,
            headers: &later.response,
        };
        let receipt = receive(
            &later.request(),
            Some(&head),
            &HeaderMap::new(),
            not_modified,
            &policy,
            times,
        );
        freshened += usize::from(matches!(receipt, Receipt::Freshened(_)));
    }
    for count in [stored, served, validated, freshened] {
        assert!(count > 100, "{stored} {served} {validated} {freshened}");
    }
}
