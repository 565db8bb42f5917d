//! What is judged by lines is judged as it is by a map.

use http::{HeaderMap, StatusCode};
use perigee_http_cache::{
    Ends, FieldText, PackedHead, Policy, Receipt, RequestHead, ResponseHead, StoredHead, Times,
    receive, receive_lines,
};
use proptest::{prelude::*, sample::select};

use crate::{Exchange, asked, common::at, exchange, policy, times};

/// What is left to nobody else than the connection, or says how a message is framed.
const FRAMING: &[&str] = &[
    "connection",
    "keep-alive",
    "content-length",
    "transfer-encoding",
];

/// Fields that are usual.
const USUAL: &[(&str, &[&str])] = &[
    ("server", &["origin", "a, b"]),
    ("date", &["Tue, 14 Nov 2023 22:13:20 GMT"]),
    ("content-type", &["text/plain"]),
    ("last-modified", &["Mon, 13 Nov 2023 22:13:20 GMT", "x"]),
    ("etag", &["\"a\"", "W/\"b\"", "c"]),
    ("expires", &["Wed, 15 Nov 2023 22:13:20 GMT", "0"]),
    (
        "cache-control",
        &["public, max-age=3600", "max-age=60", "s-maxage=9"],
    ),
    ("accept-ranges", &["bytes"]),
    ("content-encoding", &["gzip"]),
    ("x-a", &["1", "2"]),
    ("strict-transport-security", &["max-age=31536000"]),
    ("via", &["1.1 a"]),
];

/// Fields that are not, for one reason or another.
const UNUSUAL: &[(&str, &str)] = &[
    ("vary", "accept-encoding"),
    ("vary", "*"),
    ("age", "5"),
    ("set-cookie", "a=b"),
    ("pragma", "no-cache"),
    ("cdn-cache-control", "no-store"),
    ("surrogate-key", "a b"),
    ("cache-tag", "a,b"),
    ("cache-groups", "\"a\""),
    ("no-vary-search", "params"),
    ("content-range", "bytes 0-4/10"),
    ("content-location", "/b"),
    ("cache-status", "a; hit"),
    ("perigee-a", "1"),
    ("warning", "110 - \"a\""),
    ("trailer", "x-a"),
    ("upgrade", "h2c"),
    ("te", "trailers"),
];

/// The fields as lines, without those of framing; none if some cannot be lines.
fn lines(fields: &HeaderMap) -> Option<FieldText> {
    let (mut text, mut ends) = (Vec::new(), Ends::new());
    for (name, value) in fields {
        if FRAMING.contains(&name.as_str()) {
            continue;
        }
        let value = value.as_bytes();
        if value.is_empty() || value.trim_ascii() != value {
            return None;
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
        ends.push((name.as_str().len() as u16, text.len() as u16));
    }
    Some(FieldText::new(text, ends))
}

/// The head to store of a 200 with these fields and a body of ten bytes, by lines and by a map.
fn both(
    request: &RequestHead<'_>,
    stored: Option<&StoredHead>,
    asked: &HeaderMap,
    fields: &HeaderMap,
    policy: &Policy,
    times: Times,
) -> (Option<StoredHead>, Option<StoredHead>) {
    let mut headers = fields.clone();
    for name in FRAMING {
        headers.remove(*name);
    }
    let by_lines = lines(&headers)
        .and_then(|lines| receive_lines(request, (Box::new(lines), 10), policy, times).ok())
        .map(|head| StoredHead::clone(&head));
    headers.insert("content-length", 10.into());
    let status = StatusCode::OK;
    let headers = &headers;
    let response = ResponseHead { status, headers };
    let by_map = match receive(request, stored, asked, response, policy, times) {
        Receipt::Store(head) => Some(StoredHead::clone(&head)),
        _ => None,
    };
    (by_lines, by_map)
}

/// The lines as they are packed, in some order.
fn packed(head: &StoredHead) -> (Vec<u8>, [Vec<Vec<u8>>; 2]) {
    let mut bytes = Vec::new();
    head.pack(&mut bytes);
    let seen = PackedHead::of(&bytes).expect("a head");
    let sorted = |text: &[u8]| {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let mut lines: Vec<_> = lines.map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    let lines = [sorted(seen.lines()), sorted(seen.tagged_lines())];
    (bytes, lines)
}

fn check(by_lines: StoredHead, by_map: Option<StoredHead>) -> Result<(), TestCaseError> {
    prop_assert_eq!(Some(&by_lines), by_map.as_ref());
    let by_map = by_map.expect("is there");
    // Both ways to pack it, and what comes of that.
    let ((bytes, lines), (of_map, others)) = (packed(&by_lines), packed(&by_map));
    prop_assert_eq!(lines, others);
    let unpacked = |bytes| StoredHead::unpack(&Vec::into(bytes));
    let (unpacked, other) = (unpacked(bytes), unpacked(of_map));
    prop_assert_eq!(unpacked.as_ref(), Some(&by_map));
    prop_assert_eq!(unpacked, other);
    let mut encoded = Vec::new();
    by_lines.encode(&mut encoded);
    prop_assert_eq!(StoredHead::decode(&encoded).ok(), Some(by_map));
    Ok(())
}

fn usual() -> impl Strategy<Value = HeaderMap> {
    let field = select(USUAL).prop_flat_map(|(name, values)| (Just(name), select(values)));
    let unusual = proptest::option::weighted(0.3, select(UNUSUAL));
    (proptest::collection::vec(field, 0..12), unusual).prop_map(|(fields, unusual)| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields.into_iter().chain(unusual) {
            headers.append(name, value.parse().expect("is a value"));
        }
        headers
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn usual_fields_are_judged_alike(
        other in exchange(),
        fields in usual(),
        policy in policy(),
        times in times(),
    ) {
        let none = HeaderMap::new();
        let (by_lines, by_map) = both(&other.request(), None, &none, &fields, &policy, times);
        if let Some(by_lines) = by_lines {
            check(by_lines, by_map)?;
        }
    }

    #[test]
    fn hostile_fields_are_judged_alike_whatever_was_stored(
        first in exchange(),
        second in exchange(),
        policy in policy(),
        times in times(),
    ) {
        let stored = both(&first.request(), None, &HeaderMap::new(), &first.response, &policy, times).1;
        let heads: Vec<_> = stored.iter().collect();
        let fields = asked(&second, &heads, &policy, times.requested);
        let (request, response) = (second.request(), &second.response);
        let (by_lines, by_map) = both(&request, stored.as_ref(), &fields, response, &policy, times);
        if let Some(by_lines) = by_lines {
            check(by_lines, by_map)?;
        }
    }
}

#[test]
fn what_is_usual_is_judged_by_lines_and_nothing_else() {
    let exchange = Exchange {
        method: http::Method::GET,
        request: HeaderMap::new(),
        status: StatusCode::OK,
        response: HeaderMap::new(),
    };
    let times = Times {
        requested: at(1_700_000_000),
        received: at(1_700_000_000),
    };
    let of = |fields: &HeaderMap| {
        let none = HeaderMap::new();
        both(
            &exchange.request(),
            None,
            &none,
            fields,
            &Policy::default(),
            times,
        )
        .0
    };
    let mut fields = HeaderMap::new();
    for (name, values) in USUAL {
        fields.append(*name, values[0].parse().expect("is a value"));
    }
    check(of(&fields).expect("is usual"), of(&fields)).unwrap();
    for (name, value) in UNUSUAL {
        let mut fields = fields.clone();
        fields.append(*name, value.parse().expect("is a value"));
        assert!(of(&fields).is_none(), "{name}");
    }
    for name in ["date", "etag", "expires", "cache-control", "last-modified"] {
        let mut twice = fields.clone();
        twice.append(name, fields[name].clone());
        assert!(of(&twice).is_none(), "{name}");
    }
    fields.remove("date");
    assert!(of(&fields).is_none(), "a Date is to be added");
}
