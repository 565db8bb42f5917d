//! Plausible questions, close to the borders.

use http::{HeaderMap, Method, StatusCode};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    common::{self, BASE, Fields, at, map},
    question::Question,
    validation::Validation,
};

fn directives(
    names: &'static [&'static str],
    rest: &'static [&'static str],
) -> BoxedStrategy<String> {
    let seconds = (select(names), select(&[0_u64, 5, 30, 60, 100, 600][..]));
    let one = prop_oneof![
        6 => seconds.prop_map(|(name, n)| format!("{name}={n}")),
        6 => select(rest).prop_map(str::to_owned),
        1 => common::directive(common::RESPONSE_DIRECTIVES),
    ];
    vec(one, 1..3).prop_map(|all| all.join(", ")).boxed()
}

fn named(name: &'static str, values: BoxedStrategy<String>) -> BoxedStrategy<(String, String)> {
    values
        .prop_map(move |value| (name.to_owned(), value))
        .boxed()
}

fn of(name: &'static str, values: &'static [&'static str]) -> BoxedStrategy<(String, String)> {
    named(name, select(values).prop_map(str::to_owned).boxed())
}

/// A date some seconds before or after the base.
fn date(name: &'static str, offsets: std::ops::Range<i64>) -> BoxedStrategy<(String, String)> {
    let date = |offset: i64| httpdate::fmt_http_date(at(BASE.saturating_add_signed(offset)));
    let odd = select(
        &[
            "0",
            "Tuesday, 14-Nov-23 22:13:20 GMT",
            "Tue Nov 14 22:13:20 2023",
            // That was a Tuesday.
            "Mon, 14 Nov 2023 22:13:20 GMT",
        ][..],
    );
    let value = prop_oneof![12 => offsets.prop_map(date), 1 => odd.prop_map(str::to_owned)];
    named(name, value.boxed())
}

/// Each of the fields, or not; sometimes one of them twice.
fn some_of(fields: Vec<BoxedStrategy<(String, String)>>) -> impl Strategy<Value = HeaderMap> {
    let maybe = |field: BoxedStrategy<(String, String)>| proptest::option::of(field);
    let each: Vec<_> = fields.iter().cloned().map(maybe).collect();
    let twice = proptest::option::weighted(0.05, proptest::strategy::Union::new(fields));
    (each, twice).prop_map(|(each, twice)| {
        let all: Fields = each.into_iter().flatten().chain(twice).collect();
        map(&all)
    })
}

fn responses() -> impl Strategy<Value = HeaderMap> {
    let plain = &[
        "public",
        "no-cache",
        "must-revalidate",
        "proxy-revalidate",
        "immutable",
        "no-store",
        "private",
        "must-understand",
        "private=\"x-b\"",
        "no-cache=\"x-b\"",
    ];
    some_of(vec![
        named(
            "cache-control",
            directives(&["max-age", "s-maxage", "stale-while-revalidate"], plain),
        ),
        date("date", -40..1),
        date("expires", -50..200),
        date("last-modified", -500..-1),
        of("etag", &["\"a\"", "W/\"a\""]),
        of(
            "vary",
            &["x-a", "Accept-Encoding", "*", "x-a, accept-encoding"],
        ),
        of("age", &["0", "10", "50", "10, 50", "x"]),
        of("x-b", &["1", "2"]),
        proptest::strategy::Union::new_weighted(vec![
            (1, of("set-cookie", &["a=b"])),
            (
                1,
                of(
                    "cdn-cache-control",
                    &["max-age=30", "no-store", "max-age=60, no-cache", "X"],
                ),
            ),
            (6, of("x-c", &["1"])),
        ])
        .boxed(),
    ])
}

fn requests() -> impl Strategy<Value = HeaderMap> {
    let plain = &["no-cache", "no-store", "max-stale", "only-if-cached", "x"];
    some_of(vec![
        of("x-a", &["1", "2", "1, 2", "1,2"]),
        of("accept-encoding", &["gzip", "gzip, br", "br, gzip", "GZIP"]),
        proptest::strategy::Union::new_weighted(vec![
            (
                2,
                named(
                    "cache-control",
                    directives(&["max-age", "min-fresh", "max-stale"], plain),
                ),
            ),
            (1, of("pragma", &["no-cache"])),
            (6, of("x-d", &["1"])),
        ])
        .boxed(),
        of("cookie", &["a=b"]),
    ])
}

fn first_requests() -> impl Strategy<Value = HeaderMap> {
    some_of(vec![
        of("x-a", &["1", "2", "1, 2"]),
        of("accept-encoding", &["gzip", "gzip, br"]),
        proptest::strategy::Union::new_weighted(vec![
            (1, of("cookie", &["a=b"])),
            (1, of("authorization", &["x"])),
            (8, of("x-d", &["1"])),
        ])
        .boxed(),
    ])
}

prop_compose! {
    pub(crate) fn question()(
        first in first_requests(),
        status in prop_oneof![8 => Just(200), 4 => select(&[203, 204, 302, 404, 410, 403, 429, 500, 503][..])],
        response in responses(),
        method in prop_oneof![8 => Just(Method::GET), 1 => Just(Method::HEAD)],
        later in requests(),
        same: bool,
        after in select(&[0_u64, 5, 20, 59, 60, 61, 150, 700][..]),
    ) -> Question {
        let mut later = later;
        if same {
            for name in ["x-a", "accept-encoding"] {
                later.remove(name);
                for value in first.get_all(name) {
                    later.append(name, value.clone());
                }
            }
        }
        Question { first, status: StatusCode::from_u16(status).unwrap(), response, method, later, after }
    }
}

prop_compose! {
    pub(crate) fn validation()(question in question(), not_modified in responses(), same: bool) -> Validation {
        let mut not_modified = not_modified;
        let mut question = question;
        question.first.remove("authorization");
        if same {
            for name in ["etag", "last-modified"] {
                not_modified.remove(name);
                if let Some(value) = question.response.get(name) {
                    not_modified.insert(name, value.clone());
                }
            }
        }
        Validation { question, not_modified }
    }
}
