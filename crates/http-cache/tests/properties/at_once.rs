//! What is answered at once is what is decided, and is told as it is rendered.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{
    BodyPart, Decision, KeyParts, KeyPolicy, Now, PackedHead, Plain, Policy, Sent, Serve,
    StoredHead, TAG_FIELDS, at_once, decide,
};
use proptest::{prelude::*, sample::select};

use crate::{
    Exchange,
    common::{Fields, at, map},
    exchange, hostile, policy, times,
};

/// Fields of usual requests, and of those that come near to them.
const REQUESTS: &[&[(&str, &str)]] = &[
    &[],
    &[
        ("accept", "*/*"),
        ("user-agent", "a"),
        ("accept-encoding", "gzip, br"),
    ],
    &[("accept-encoding", "br,gzip")],
    &[("accept-encoding", "gzip"), ("accept-encoding", "br")],
    &[("accept-encoding", "")],
    &[("if-none-match", "\"a\"")],
    &[("if-none-match", "W/\"x\", \"a\"")],
    &[("if-none-match", "*"), ("range", "bytes=0-1")],
    &[
        ("if-none-match", "\"b\""),
        ("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT"),
    ],
    &[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
    &[("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")],
    &[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")],
    &[("if-modified-since", "yesterday")],
    &[("if-match", "\"b\"")],
    &[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")],
    &[("range", "bytes=0-1")],
    &[("range", "bytes=-2")],
    &[("range", "bytes=0-0,2-2")],
    &[("range", "bytes=99999999-")],
    &[("range", "bytes=0-1"), ("range", "bytes=0-1")],
    &[("range", "bytes=0-1"), ("if-range", "\"a\"")],
    &[("cache-control", "no-cache")],
    &[("cache-control", "only-if-cached, max-age=0")],
    &[("pragma", "no-cache")],
    &[("cookie", "a=b; c=d")],
    &[("cookie", "a=b"), ("accept-encoding", "gzip")],
    &[("authorization", "Basic x")],
    &[("content-length", "1")],
    &[("transfer-encoding", "chunked")],
    &[("x-a", "1"), ("accept-language", "de, en")],
    &[("accept-language", "DE,en")],
];

/// Fields of usual responses.
const RESPONSES: &[&[(&str, &str)]] = &[
    &[("etag", "\"a\""), ("content-type", "text/plain")],
    &[
        ("etag", "W/\"a\""),
        ("vary", "accept-encoding"),
        ("surrogate-key", "a b"),
    ],
    &[
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("perigee-x", "1"),
        ("cache-tag", "t"),
    ],
    &[
        ("vary", "x-a"),
        ("via", "1.1 other"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
    ],
    &[
        ("vary", "cookie"),
        ("expires", "0"),
        ("cdn-cache-control", "max-age=60"),
    ],
    &[("vary", "*")],
    &[
        ("vary", "accept-language, accept-encoding"),
        ("content-range", "bytes 0-1/2"),
    ],
    &[
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("content-location", "/b"),
    ],
    &[
        ("warning", "199 - x"),
        ("connection", "x-gone"),
        ("x-gone", "1"),
    ],
];

fn owned(fields: &[(&str, &str)]) -> Fields {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(own).collect()
}

fn request() -> impl Strategy<Value = HeaderMap> {
    let usual = select(REQUESTS).prop_map(|fields| map(&owned(fields)));
    let hostile = hostile::request().prop_map(|fields| map(&fields));
    prop_oneof![4 => usual, 1 => hostile]
}

prop_compose! {
    fn usual()(
        method in select(&[Method::GET, Method::GET, Method::HEAD][..]),
        request in request(),
        fields in select(RESPONSES),
        control in select(&["max-age=60", "max-age=60", "s-maxage=5", "no-cache", "max-age=60, private"][..]),
        length in proptest::option::weighted(0.9, 0..9_u64),
        status in select(&[200, 200, 200, 200, 203, 204, 301, 404, 500, 206][..]),
    ) -> Exchange {
        let mut fields = owned(fields);
        fields.push(("cache-control".to_owned(), control.to_owned()));
        fields.extend(length.map(|length| ("content-length".to_owned(), length.to_string())));
        let status = StatusCode::from_u16(status).unwrap();
        Exchange { method, request, status, response: map(&fields) }
    }
}

fn any() -> impl Strategy<Value = Exchange> {
    prop_oneof![4 => usual(), 1 => exchange()]
}

fn key_policy() -> impl Strategy<Value = KeyPolicy> {
    let parts = KeyParts {
        headers: vec![HeaderName::from_static("x-a")],
        cookies: vec!["a".to_owned()],
    };
    let headers = KeyParts {
        cookies: Vec::new(),
        ..parts.clone()
    };
    let parts = select(vec![None, None, None, Some(headers), Some(parts)]);
    parts.prop_map(|parts| KeyPolicy {
        parts: parts.map(Into::into),
        ..KeyPolicy::default()
    })
}

fn fields(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

fn packed(head: &StoredHead) -> Vec<u8> {
    let mut packed = Vec::new();
    head.pack(&mut packed);
    packed
}

/// What the door answers to a request whose fields stand in this map.
fn opened(
    method: &Method,
    request: &HeaderMap,
    stored: &[StoredHead],
    policy: &Policy,
    now: Now,
) -> Option<Serve> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let plain = Plain::of(*method == Method::HEAD, fields(request))?;
    let sent = |name: &HeaderName| {
        let mut lines = request.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Sent::No,
            (Some(line), None) => Sent::Once(line.as_bytes()),
            _ => Sent::Often,
        }
    };
    let packed: Vec<_> = stored.iter().map(packed).collect();
    let heads = packed.iter().filter_map(|head| PackedHead::of(head));
    at_once(&plain, heads, sent, policy, now)
}

/// Lines as a reader takes them.
fn read(lines: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = [httparse::EMPTY_HEADER; 64];
    let text = [lines, b"\r\n"].concat();
    let Ok(httparse::Status::Complete((length, all))) = httparse::parse_headers(&text, &mut all)
    else {
        panic!("{}", String::from_utf8_lossy(lines));
    };
    assert_eq!(length, text.len());
    sorted(
        all.iter()
            .map(|field| (field.name.to_owned(), field.value.to_vec())),
    )
}

/// In the order of names; the lines of one name stay in theirs.
fn sorted(fields: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fields.collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

/// Says of a head the same as is rendered for a client, or nothing.
fn check_lines(
    head: &StoredHead,
    serve: &Serve,
    length: Option<u64>,
    tags: bool,
) -> Result<bool, TestCaseError> {
    let mut lines = b"x".to_vec();
    let packed = packed(head);
    let packed = PackedHead::of(&packed).unwrap();
    let Some(said) = packed.render_lines(serve, length, tags, &mut lines) else {
        prop_assert_eq!(lines, b"x");
        return Ok(false);
    };
    let (status, mut headers) = head.render(serve, length);
    prop_assert_eq!(status, serve.status);
    let content_length = headers.remove("content-length");
    prop_assert_eq!(said.map(HeaderValue::from), content_length);
    for name in &TAG_FIELDS {
        if !tags {
            headers.remove(name);
        }
    }
    let shown = fields(&headers).filter(|(name, _)| !name.starts_with("perigee-"));
    // Whoever reads lines takes the white space around a value for none of it (RFC 9110 section 5.5).
    let shown = shown.map(|(name, value)| (name.to_owned(), value.trim_ascii().to_vec()));
    prop_assert_eq!(read(&lines[1..]), sorted(shown));
    prop_assert!(headers.contains_key("date"));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_answered_at_once_is_what_is_decided(
        first in any(),
        second in any(),
        method in select(&[Method::GET, Method::GET, Method::HEAD, Method::POST][..]),
        later in request(),
        as_first: bool,
        policies in (policy(), key_policy(), key_policy()),
        times in times(),
        after in prop_oneof![4 => 0..10_u64, 1 => 0..200_u64],
        trusted in proptest::option::weighted(0.3, -100..100_i64),
        length in proptest::option::of(0..100_u64),
        tags: bool,
    ) {
        let (policy, key, other) = policies;
        let policy = Policy { key, ..policy };
        let before = Policy { key: other, ..policy.clone() };
        let head = |of: &Exchange, policy: &Policy| {
            let mut request = of.request.clone();
            policy.clean_request(&mut request);
            let request = perigee_http_cache::RequestHead { method: &of.method, headers: &request };
            StoredHead::new(&request, of.response(), policy, times)
        };
        let stored = [head(&first, &policy), head(&second, &before)];
        let now = now(times.received, after, trusted);
        let sent = if as_first { &first.request } else { &later };
        if let Some(serve) = opened(&method, sent, &stored, &policy, now) {
            let mut headers = sent.clone();
            policy.clean_request(&mut headers);
            let request = perigee_http_cache::RequestHead { method: &method, headers: &headers };
            prop_assert_eq!(decide(&request, &stored, &policy, now), Decision::Serve(serve.clone()));
            check_lines(&stored[serve.variant], &serve, length, tags)?;
        }
    }
}

fn now(received: SystemTime, after: u64, trusted: Option<i64>) -> Now {
    let time = received + Duration::from_secs(after);
    let away = |seconds: i64| {
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 {
            received - by
        } else {
            received + by
        }
    };
    Now {
        time,
        trusted_since: trusted.map(away),
    }
}

#[test]
fn requests_of_the_usual_kind_are_answered_at_once() {
    let times = perigee_http_cache::Times {
        requested: at(crate::common::BASE),
        received: at(crate::common::BASE),
    };
    let stored = |request: &[(&str, &str)], response: &[(&str, &str)]| {
        let (request, mut response) = (map(&owned(request)), owned(response));
        response.push(("cache-control".to_owned(), "max-age=60".to_owned()));
        let request = perigee_http_cache::RequestHead {
            method: &Method::GET,
            headers: &request,
        };
        let response = perigee_http_cache::ResponseHead {
            status: StatusCode::OK,
            headers: &map(&response),
        };
        StoredHead::new(&request, response, &Policy::default(), times)
    };
    let tagged = &[("etag", "\"a\""), ("content-length", "10")][..];
    let varies = &[("vary", "accept-encoding"), ("content-length", "10")][..];
    let gzip = &[("accept-encoding", "gzip")][..];
    let of = |method: &Method, request: &[(&str, &str)], head: &StoredHead| {
        let (request, now) = (map(&owned(request)), at(crate::common::BASE + 5));
        let heads = [head.clone()];
        let serve = opened(method, &request, &heads, &Policy::default(), now.into())?;
        let mut lines = Vec::new();
        let packed = packed(head);
        let packed = PackedHead::of(&packed)?;
        let length = packed.render_lines(&serve, Some(10), false, &mut lines)?;
        assert_eq!((serve.age, serve.ttl), (5, 55));
        Some((serve.status.as_u16(), serve.body, length))
    };
    let get = |request: &[(&str, &str)], head: &StoredHead| of(&Method::GET, request, head);
    let whole = Some((200, BodyPart::Whole, Some(10)));
    let plain = stored(&[], tagged);
    assert_eq!(get(&[], &plain), whole);
    assert_eq!(
        get(&[("cookie", "a=b"), ("cache-control", "max-age=0")], &plain),
        whole
    );
    let head = Some((200, BodyPart::None, Some(10)));
    assert_eq!(of(&Method::HEAD, &[], &plain), head);
    let not_modified = Some((304, BodyPart::None, None));
    assert_eq!(get(&[("if-none-match", "\"a\"")], &plain), not_modified);
    let later = [("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")];
    assert_eq!(get(&later, &plain), not_modified);
    let range = Some((206, BodyPart::Range(2..5), Some(3)));
    assert_eq!(get(&[("Range", "bytes=2-4")], &plain), range);
    assert_eq!(get(gzip, &stored(gzip, varies)), whole);
    assert_eq!(get(&[], &stored(&[], varies)), whole);
    for unusual in [
        ("authorization", "x"),
        ("if-range", "\"a\""),
        ("upgrade", "h2c"),
    ] {
        assert_eq!(get(&[unusual], &plain), None);
    }
}
