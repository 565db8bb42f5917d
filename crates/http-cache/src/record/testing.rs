//! Heads of all kinds, for tests of this crate.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use crate::{
    KeyParts, KeyPolicy, Policy, RequestHead, ResponseHead, StoredHead, Times,
    stored::testing::head_for,
};

pub(crate) const ALL: &[(&str, &str)] = &[
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    (
        "cdn-cache-control",
        "max-age=10, stale-if-error=5, stale-while-revalidate=0, immutable, must-revalidate",
    ),
    ("etag", "\"a\""),
    ("vary", "x-a, accept-encoding, x-absent"),
    ("no-vary-search", "params, except=(\"a b\"), key-order"),
    ("cache-groups", "\"news\""),
    ("cache-tag", "one, two"),
    ("x-own", ""),
    ("x-own", "a b"),
    ("set-cookie", "a=1"),
    ("set-cookie", "b=2"),
    ("content-length", "10"),
];

pub(crate) fn full() -> StoredHead {
    head_for(&[("x-a", "1"), ("accept-encoding", "gzip, BR")], ALL)
}

pub(crate) fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        any::<u64>().prop_map(Duration::from_millis),
        any::<Duration>(),
        Just(Duration::MAX),
    ]
}

pub(crate) fn time() -> impl Strategy<Value = SystemTime> {
    (any::<bool>(), duration()).prop_map(|(after, by)| {
        let moved = match after {
            true => UNIX_EPOCH.checked_add(by),
            false => UNIX_EPOCH.checked_sub(by),
        };
        moved.unwrap_or(UNIX_EPOCH)
    })
}

fn fields() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        2 => "[a-z-]{1,12}",
        1 => proptest::sample::select(ALL).prop_map(|(name, _)| name.to_owned()),
    ];
    let value = proptest::collection::vec(any::<u8>(), 0..20);
    let fields = proptest::collection::vec((name, value), 0..20);
    fields.prop_map(|fields| {
        let fields = fields.into_iter().filter_map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::from_bytes(&value).ok()?))
        });
        fields.collect()
    })
}

prop_compose! {
    fn parts()(
        headers in fields(),
        cookies in proptest::collection::vec(".{0,5}", 0..3),
    ) -> KeyParts {
        KeyParts { headers: headers.keys().cloned().collect(), cookies }
    }
}

prop_compose! {
    /// Such as are parsed, and such as are not: with any length, durations and flags.
    pub(crate) fn any_head()(
        status in 100..1000_u16,
        request in fields(),
        response in fields(),
        parts in proptest::option::of(parts()),
        length in proptest::option::of(proptest::option::of(any::<u64>())),
        (requested, received) in (time(), time()),
        durations in proptest::option::of((duration(), duration(), proptest::option::of(duration()))),
        flags in proptest::option::of(any::<[bool; 3]>()),
    ) -> StoredHead {
        let policy = Policy {
            key: KeyPolicy { parts: parts.map(Arc::new), ..KeyPolicy::default() },
            ..Policy::default()
        };
        let request = RequestHead { method: &Method::GET, headers: &request };
        let status = StatusCode::from_u16(status).unwrap();
        let response = ResponseHead { status, headers: &response };
        let mut head = StoredHead::new(&request, response, &policy, Times { requested, received });
        if let Some(length) = length {
            head.length = length;
        }
        if let Some(durations) = durations {
            (head.lifetime, head.initial_age, head.stale_if_error) = durations;
        }
        if let Some(flags) = flags {
            [head.always_validate, head.immutable, head.never_stale] = flags;
        }
        head
    }
}
