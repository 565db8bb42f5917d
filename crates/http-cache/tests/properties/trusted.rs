//! What a cache does that may not have heard of all that was purged.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};
use perigee_http_cache::{
    Came, Decision, Failure, Now, Policy, Receipt, Recovery, StoredHead, Times, decide, receive,
    recover,
};
use proptest::{prelude::*, sample::select};

use crate::{Exchange, asked, common::at, exchange, kept, map, policy, time};

const BASE: u64 = crate::common::BASE;

/// Whether something stored is used without asking anybody.
fn is_used(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::Serve(_) | Decision::ServeWhileRevalidating { .. }
    )
}

/// A response that would be used in every way there is.
fn willing() -> Exchange {
    let line = "max-age=60, stale-while-revalidate=60, stale-if-error=60";
    Exchange {
        method: Method::GET,
        request: HeaderMap::new(),
        status: StatusCode::OK,
        response: map(&vec![
            ("cache-control".to_owned(), line.to_owned()),
            ("etag".to_owned(), "\"a\"".to_owned()),
            ("content-length".to_owned(), "10".to_owned()),
        ]),
    }
}

/// Requests for it.
const REQUESTS: [&[(&str, &str)]; 8] = [
    &[],
    &[("range", "bytes=0-3")],
    &[("range", "bytes=0-1,4-5")],
    &[("if-none-match", "\"a\"")],
    &[("if-none-match", "\"a\""), ("range", "bytes=2-")],
    &[("cache-control", "max-stale")],
    &[("cache-control", "only-if-cached")],
    &[("cache-control", "only-if-cached, max-stale=1000")],
];

fn later(request: &[(&str, &str)], method: &Method) -> Exchange {
    let fields = request
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Exchange {
        method: method.clone(),
        request: map(&fields.collect::<Vec<_>>()),
        ..willing()
    }
}

fn obedient() -> Policy {
    Policy {
        obey_request_directives: true,
        ..Policy::default()
    }
}

fn stored(first: &Exchange, policy: &Policy, times: impl Into<Came>) -> Option<StoredHead> {
    let fields = asked(first, &[], policy, SystemTime::UNIX_EPOCH);
    let request = first.request();
    kept(receive(
        &request,
        None,
        &fields,
        first.response(),
        policy,
        times,
    ))
}

fn at_once(time: SystemTime) -> Times {
    Times {
        requested: time,
        received: time,
    }
}

fn now(time: SystemTime, since: SystemTime) -> Now {
    Now {
        time,
        trusted_since: Some(since),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever is stored and asked, at whatever time: nothing of before is served, nor stands in
    /// when the next tier fails.
    #[test]
    fn what_was_received_before_is_validated(
        first in exchange(),
        asked_later in exchange(),
        policy in policy(),
        received in time(),
        time in time(),
        since in time(),
        failing in select(vec![500_u16, 502, 503, 504]),
    ) {
        let Some(head) = stored(&first, &policy, at_once(received)) else { return Ok(()) };
        prop_assume!(received < since || received > time);
        let (request, now) = (asked_later.request(), now(time, since));
        let decision = decide(&request, &[&head], &policy, now);
        prop_assert!(!is_used(&decision), "{decision:?}");
        for failure in [Failure::Unreachable, Failure::Timeout, Failure::Invalid, Failure::Overloaded] {
            let recovery = recover(&request, Some(&head), failure, &policy, now);
            prop_assert_ne!(recovery, Recovery::ServeStale);
        }
        let error = Exchange { status: StatusCode::from_u16(failing).unwrap(), ..first };
        let came = Came { times: at_once(time), trusted_since: Some(since) };
        let fields = asked(&asked_later, &[&head], &policy, time);
        let receipt = receive(&request, Some(&head), &fields, error.response(), &policy, came);
        prop_assert!(!matches!(receipt, Receipt::ServeStale));
    }

    /// The same for requests that get an answer out of the store otherwise, each in its own way.
    #[test]
    fn no_way_leads_past_it(
        request in select(REQUESTS.to_vec()),
        method in select(vec![Method::GET, Method::HEAD]),
        age in 0..200_u64,
        before in 1..200_u64,
    ) {
        let policy = obedient();
        let head = stored(&willing(), &policy, at_once(at(BASE))).unwrap();
        let (later, time) = (later(request, &method), at(BASE + age));
        let decision = decide(&later.request(), &[&head], &policy, now(time, at(BASE + before)));
        prop_assert!(!is_used(&decision), "{decision:?}");
        // Nor by what it would be decided of a cache that misses nothing.
        match decide(&later.request(), &[&head], &policy, time) {
            Decision::Serve(_) | Decision::ServeWhileRevalidating { .. } => {
                let is_asked = matches!(&decision, Decision::Fetch { variant: Some(0), fields, .. }
                    if fields.contains_key("if-none-match"));
                let is_refused = decision == Decision::Refuse(StatusCode::GATEWAY_TIMEOUT);
                prop_assert!(is_asked || is_refused, "{decision:?}");
            }
            other => prop_assert_eq!(other, decision),
        }
        let failed = recover(&later.request(), Some(&head), Failure::Timeout, &policy, now(time, at(BASE + before)));
        prop_assert_ne!(failed, Recovery::ServeStale);
    }

    /// What was received since then is as good as ever.
    #[test]
    fn what_was_received_since_is_trusted(
        first in exchange(),
        asked_later in exchange(),
        policy in policy(),
        received in 0..1000_u64,
        before in 0..1000_u64,
        seconds in 0..1000_u64,
    ) {
        let received = at(BASE + received);
        let Some(head) = stored(&first, &policy, at_once(received)) else { return Ok(()) };
        let (request, time) = (asked_later.request(), received + Duration::from_secs(seconds));
        let since = received - Duration::from_secs(before);
        let trusting = decide(&request, &[&head], &policy, time);
        prop_assert_eq!(decide(&request, &[&head], &policy, now(time, since)), trusting);
    }

    /// A 304 since then makes it good again.
    #[test]
    fn what_was_validated_since_is_trusted(
        received in 0..100_u64,
        since in 100..200_u64,
        validated in 200..300_u64,
    ) {
        let policy = Policy::default();
        let head = stored(&willing(), &policy, at_once(at(BASE + received))).unwrap();
        let later = later(&[], &Method::GET);
        let (validated, since) = (at(BASE + validated), at(BASE + since));
        let decision = decide(&later.request(), &[&head], &policy, now(validated, since));
        let Decision::Fetch { fields, .. } = decision else { panic!("{decision:?}") };
        let not_modified = Exchange { status: StatusCode::NOT_MODIFIED, ..willing() };
        let came = Came { times: at_once(validated), trusted_since: Some(since) };
        let receipt = receive(&later.request(), Some(&head), &fields, not_modified.response(), &policy, came);
        let Receipt::Freshened(head) = receipt else { panic!("{receipt:?}") };
        prop_assert!(is_used(&decide(&later.request(), &[&*head], &policy, now(validated, since))));
    }

    /// What was asked for before and came since may be of before a purge that was not heard of.
    #[test]
    fn what_was_asked_for_before_is_validated_though_it_came_since(
        first in exchange(),
        asked_later in exchange(),
        policy in policy(),
        requested in 0..100_u64,
        since in 100..200_u64,
        received in 200..300_u64,
        seconds in 0..100_u64,
    ) {
        let (since, received) = (at(BASE + since), at(BASE + received));
        let times = Times { requested: at(BASE + requested), received };
        let came = Came { times, trusted_since: Some(since) };
        let Some(head) = stored(&first, &policy, came) else { return Ok(()) };
        let time = received + Duration::from_secs(seconds);
        let decision = decide(&asked_later.request(), &[&head], &policy, now(time, since));
        prop_assert!(!is_used(&decision), "{decision:?}");
    }
}

/// The properties say nothing of what they never see: each request is answered by a cache that
/// misses nothing.
#[test]
fn all_these_requests_are_served_otherwise() {
    let policy = obedient();
    let head = stored(&willing(), &policy, at_once(at(BASE))).unwrap();
    for request in REQUESTS {
        let later = later(request, &Method::GET);
        let decision = decide(&later.request(), &[&head], &policy, at(BASE + 5));
        assert!(is_used(&decision), "{request:?} {decision:?}");
    }
    let later = later(&[], &Method::GET);
    let decided = |seconds| decide(&later.request(), &[&head], &policy, at(BASE + seconds));
    assert!(matches!(
        decided(70),
        Decision::ServeWhileRevalidating { .. }
    ));
    let failed = recover(
        &later.request(),
        Some(&head),
        Failure::Timeout,
        &policy,
        at(BASE + 110),
    );
    assert_eq!(failed, Recovery::ServeStale);
}
