//! To whom, until when and in what form stored responses are served.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use perigee_http_cache::{
    BodyPart, Decision, Policy, Receipt, StoredHead, Times, answer, decide, receive,
};
use proptest::{prelude::*, sample::select};

use crate::{Exchange, asked, common::at, exchange, hostile, kept, times};

const AT_ONCE: Times = Times {
    requested: std::time::UNIX_EPOCH,
    received: std::time::UNIX_EPOCH,
};

fn stored(first: &Exchange, policy: &Policy, times: Times) -> Option<StoredHead> {
    let fields = asked(first, &[], policy, times.requested);
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

/// A date that is as old as the response, and nothing that makes it older.
fn aged_by_nothing(mut exchange: Exchange) -> Exchange {
    exchange.response.remove("age");
    exchange.response.remove("date");
    exchange
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // RFC 9111 section 4.1.
    #[test]
    fn only_requests_that_select_it_are_served(
        first in exchange(),
        second in exchange(),
        later in exchange(),
        times in times(),
        seconds in 0..200_u64,
    ) {
        let policy = Policy::default();
        let heads: Vec<_> =
            [&second, &first].into_iter().filter_map(|e| stored(e, &policy, times)).collect();
        let request = later.request();
        let variant = match decide(&request, &heads, &policy, times.received + Duration::from_secs(seconds)) {
            Decision::Serve(serve) | Decision::ServeWhileRevalidating { serve, .. } => Some(serve.variant),
            Decision::Fetch { variant, .. } => variant,
            _ => None,
        };
        if let Some(variant) = variant {
            // The newest that is selected.
            let first = heads.iter().position(|head| head.selected_by(&request));
            prop_assert_eq!(first, Some(variant));
        }
    }

    // Section 4.2: what is stale stays so until it is validated.
    #[test]
    fn what_was_once_not_fresh_enough_never_is_again(
        first in exchange(),
        later in exchange(),
        times in times(),
        mut moments in proptest::collection::vec(0..400_u64, 2..8),
        obey_request_directives: bool,
    ) {
        let policy = Policy { obey_request_directives, ..Policy::default() };
        let Some(head) = stored(&first, &policy, times) else { return Ok(()) };
        moments.sort_unstable();
        let is_served = |seconds: &u64| {
            let now = times.received + Duration::from_secs(*seconds);
            matches!(decide(&later.request(), &[&head], &policy, now), Decision::Serve(_))
        };
        let served: Vec<bool> = moments.iter().map(is_served).collect();
        prop_assert!(served.is_sorted_by(|before, after| before >= after), "{moments:?} {served:?}");
    }

    // RFC 5861 section 3.
    #[test]
    fn stale_is_served_within_its_window_only(
        first in exchange(),
        later in exchange(),
        window in 0..100_u64,
        lifetime in 0..100_u64,
        seconds in 0..300_u64,
    ) {
        let mut first = aged_by_nothing(first);
        let line = format!("max-age={lifetime}, stale-while-revalidate={window}");
        first.response.insert("cache-control", HeaderValue::try_from(line).unwrap());
        first.response.remove("cdn-cache-control");
        let policy = Policy::default();
        let Some(head) = stored(&first, &policy, AT_ONCE) else { return Ok(()) };
        let now = AT_ONCE.received + Duration::from_secs(seconds);
        match decide(&later.request(), &[&head], &policy, now) {
            Decision::ServeWhileRevalidating { serve, .. } => {
                prop_assert!(serve.ttl <= 0 && serve.ttl >= -(window as i64), "{serve:?}");
            }
            // Only if cached, it is served in that window as it is.
            Decision::Serve(serve) => prop_assert!(serve.ttl >= -(window as i64)),
            _ => {}
        }
    }

    // RFC 9213 section 2.2.
    #[test]
    fn a_targeted_field_governs_whatever_the_others_say(
        first in exchange(),
        lifetime in 1..1000_u64,
        name in select(&["cdn-cache-control"][..]),
    ) {
        let mut first = aged_by_nothing(first);
        let value = HeaderValue::try_from(format!("max-age={lifetime}")).unwrap();
        first.response.insert(name, value);
        let policy = Policy::default();
        let head = StoredHead::new(&first.request(), first.response(), &policy, AT_ONCE);
        prop_assert_eq!(head.ttl(AT_ONCE.received), lifetime as i64);
    }

    #[test]
    fn answers_have_the_fields_of_their_status(
        first in exchange(),
        request in hostile::request(),
        times in times(),
        seconds in 0..100_u64,
    ) {
        let policy = Policy::default();
        let head = StoredHead::new(&first.request(), first.response(), &policy, times);
        let later = Exchange { request: crate::map(&request), ..first };
        let now = times.received + Duration::from_secs(seconds);
        let Some(serve) = answer(&later.request(), 0, &head, &policy, now) else { return Ok(()) };
        if serve.status == head.status {
            return Ok(());
        }
        let (status, fields) = head.render(&serve, None);
        prop_assert_eq!(all(&fields, "date"), all(&head.headers, "date"));
        let said = |name: &str| fields.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        match status {
            // RFC 9110 section 15.4.5: all that a 200 would have had of these, and no content.
            StatusCode::NOT_MODIFIED => {
                for name in ["cache-control", "content-location", "date", "etag", "expires", "vary"] {
                    prop_assert_eq!(all(&fields, name), all(&head.headers, name));
                }
                for name in ["content-type", "content-length", "content-range", "set-cookie"] {
                    prop_assert!(!fields.contains_key(name), "{name}");
                }
                prop_assert_eq!(&serve.body, &BodyPart::None);
            }
            // Section 15.3.7: Content-Range in one part, or in each of several.
            StatusCode::PARTIAL_CONTENT => {
                let is_one = matches!(serve.body, BodyPart::Range(_));
                prop_assert_eq!(said("content-range").starts_with(b"bytes "), is_one);
                let is_several = said("content-type").starts_with(b"multipart/byteranges");
                prop_assert!(is_one || is_several);
                prop_assert_eq!(all(&fields, "etag"), all(&head.headers, "etag"));
            }
            // Section 15.5.17: the length, and nothing of the representation.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                prop_assert!(said("content-range").starts_with(b"bytes */"));
                prop_assert!(!fields.contains_key("etag") && !fields.contains_key("content-type"));
            }
            StatusCode::PRECONDITION_FAILED => prop_assert!(!fields.contains_key("etag")),
            // A part that holds all that is wanted.
            StatusCode::OK => {}
            other => prop_assert!(false, "{other}"),
        }
    }
}

fn all(fields: &HeaderMap, name: &str) -> Vec<HeaderValue> {
    fields.get_all(name).iter().cloned().collect()
}

#[test]
fn the_window_and_the_target_are_reached() {
    // The properties above say nothing of what they never see: one example of each.
    let first = Exchange {
        method: http::Method::GET,
        request: HeaderMap::new(),
        status: StatusCode::OK,
        response: HeaderMap::from_iter([(
            http::header::CACHE_CONTROL,
            HeaderValue::from_static("max-age=5, stale-while-revalidate=5"),
        )]),
    };
    let policy = Policy::default();
    let times = Times {
        requested: at(crate::common::BASE),
        received: at(crate::common::BASE),
    };
    let receipt = receive(
        &first.request(),
        None,
        &HeaderMap::new(),
        first.response(),
        &policy,
        times,
    );
    let Receipt::Store(head) = receipt else {
        panic!("{receipt:?}");
    };
    let decided = |seconds| {
        decide(
            &first.request(),
            &[&*head],
            &policy,
            at(crate::common::BASE + seconds),
        )
    };
    assert!(matches!(decided(4), Decision::Serve(_)));
    assert!(matches!(
        decided(9),
        Decision::ServeWhileRevalidating { .. }
    ));
    assert!(matches!(decided(11), Decision::Fetch { .. }));
}
