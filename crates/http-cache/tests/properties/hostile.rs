//! Requests and responses as they might come, from plausible to hostile.

use http::Method;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::common::{BASE, Fields, RESPONSE_DIRECTIVES, at, directive};

/// A date within a day around the base, mostly in the preferred form.
fn date() -> impl Strategy<Value = String> {
    (0..2 * 86_400_u64).prop_map(|offset| httpdate::fmt_http_date(at(BASE - 86_400 + offset)))
}

const REQUEST_DIRECTIVES: &[&str] = &[
    "max-age=",
    "min-fresh=",
    "max-stale=",
    "max-stale",
    "no-cache",
    "no-store",
];

const TAGS: &[&str] = &[
    "\"a\"",
    "W/\"a\"",
    "\"b\"",
    "W/\"b\"",
    "*",
    "a",
    "\"a\", \"b\"",
    "\"",
];
const VARY: &[&str] = &[
    "x-a",
    "X-A, x-b",
    "accept-encoding",
    "*",
    "x-a, *",
    "",
    "a b",
];
const RANGES: &[&str] = &[
    "bytes=0-1",
    "bytes=5-",
    "bytes=-3",
    "bytes=9-2",
    "bytes=0-1,4-5",
    "bytes=999-",
    "x=1",
    "bytes=-0",
];
const CONTENT_RANGES: &[&str] = &[
    "bytes 0-4/10",
    "bytes 0-9/10",
    "bytes 5-9/10",
    "bytes 2-5/*",
    "bytes 4-3/10",
    "bytes */10",
    "x",
];
const AGES: &[&str] = &["0", "5", "60", "5, 9", "x", "-5", "99999999999999999999"];
const PLAIN: &[&str] = &["1", "2", "1, 2", "", "gzip, br", "br,gzip", "GZIP"];

fn field(
    names: &'static [&'static str],
    value: impl Strategy<Value = String> + 'static,
) -> BoxedStrategy<(String, String)> {
    (select(names).prop_map(str::to_owned), value).boxed()
}

fn text(values: &'static [&'static str]) -> BoxedStrategy<String> {
    select(values).prop_map(str::to_owned).boxed()
}

/// Anything that a field value can hold.
fn noise() -> BoxedStrategy<(String, String)> {
    let names = select(
        &[
            "cache-control",
            "expires",
            "date",
            "age",
            "vary",
            "etag",
            "last-modified",
            "range",
            "if-none-match",
            "if-range",
            "if-modified-since",
            "connection",
            "content-length",
            "content-range",
            "set-cookie",
            "pragma",
            "x-a",
            "accept-encoding",
        ][..],
    );
    (names.prop_map(str::to_owned), "[ -~é]{0,24}").boxed()
}

pub(crate) fn response() -> impl Strategy<Value = Fields> {
    let one = prop_oneof![
        4 => field(&["cache-control"], vec(directive(RESPONSE_DIRECTIVES), 1..4).prop_map(|d| d.join(", "))),
        3 => field(&["date", "expires", "last-modified"], date()),
        2 => field(&["etag"], text(TAGS)),
        1 => field(&["vary"], text(VARY)),
        1 => field(&["age"], text(AGES)),
        1 => field(&["content-length"], text(&["10", "0", "5, 5", "x"])),
        1 => field(&["content-range"], text(CONTENT_RANGES)),
        1 => field(&["connection"], text(&["x-a", "close, etag", "cache-control"])),
        1 => field(&["set-cookie", "x-a", "x-b", "warning", "pragma"], text(PLAIN)),
        1 => noise(),
    ];
    vec(one, 0..8)
}

pub(crate) fn request() -> impl Strategy<Value = Fields> {
    let one = prop_oneof![
        2 => field(&["cache-control"], vec(directive(REQUEST_DIRECTIVES), 1..3).prop_map(|d| d.join(", "))),
        2 => field(&["if-none-match", "if-match", "if-range"], text(TAGS)),
        2 => field(&["if-modified-since", "if-unmodified-since", "if-range"], date()),
        2 => field(&["range"], text(RANGES)),
        2 => field(&["x-a", "x-b", "accept-encoding", "cookie", "authorization"], text(PLAIN)),
        1 => field(&["content-length"], text(&["0", "5", "x"])),
        1 => noise(),
    ];
    vec(one, 0..5)
}

pub(crate) fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        8 => Just(Method::GET),
        2 => Just(Method::HEAD),
        1 => Just(Method::POST),
    ]
}

pub(crate) fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        8 => Just(200_u16),
        4 => select(&[203_u16, 204, 206, 301, 302, 304, 404, 410, 412, 416, 500, 503, 504][..]),
        1 => 100..600_u16,
    ]
}
