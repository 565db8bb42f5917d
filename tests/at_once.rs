//! Hits of the usual kind are answered by a shorter way: nobody can tell, but by `at_once` in the file.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;

use crate::harness::{
    cdn::{OneEdge, one_edge},
    client::{Answer, ask},
    origin::Origin,
};

const HOST: &str = "www.example.com";

/// Fields by their names, in the order that they came in.
type Fields = BTreeMap<String, Vec<String>>;

async fn edge(origin: &Origin, at_once: bool) -> OneEdge {
    let url = origin.url();
    one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 1\nlongitude = 1\n\
         [[services]]\nname = \"s\"\nhosts = [\"*\"]\norigins = [\"{url}\"]\n\
         [limits]\nat_once = {at_once}\n"
    ))
    .await
}

/// An answer without what a second more may change.
fn told(answer: &Answer) -> (u16, Fields, Bytes) {
    let mut fields = Fields::new();
    for (name, value) in &answer.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        let text = match name.as_str() {
            "age" | "date" => "by the clock",
            "cache-status" => text.split("ttl=").next().unwrap(),
            _ => &text,
        };
        fields
            .entry(name.to_string())
            .or_default()
            .push(text.to_owned());
    }
    (answer.status.as_u16(), fields, answer.body.clone())
}

#[tokio::test]
async fn the_short_way_answers_as_the_long_way_does() {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let origin = Origin::start(move |request| {
        asked.fetch_add(1, Ordering::SeqCst);
        async move {
            let length = if request.path == "/long" {
                200_000
            } else {
                1000
            };
            Response::builder()
                .header("cache-control", "max-age=3600")
                .header("age", "7")
                .header("etag", "\"a\"")
                .header("vary", "accept-encoding")
                .header("surrogate-key", "a b")
                .header("perigee-x", "1")
                .header("x-a", "1")
                .header("x-a", "2")
                .body(Full::new(Bytes::from(vec![b'x'; length])))
                .unwrap()
        }
    })
    .await;
    let edges = [edge(&origin, true).await, edge(&origin, false).await];
    for path in ["/a?b", "/long"] {
        for edge in &edges {
            let first = ask(Method::GET, edge.address, HOST, path).send().await;
            assert!(!first.is_hit(), "{first:?}");
        }
        let fetched = count.load(Ordering::SeqCst);
        for (method, fields) in [
            (Method::GET, &[][..]),
            (Method::GET, &[("accept", "*/*"), ("cookie", "a=b")]),
            (Method::HEAD, &[]),
            (Method::GET, &[("if-none-match", "\"a\"")]),
            (
                Method::GET,
                &[("if-none-match", "\"b\""), ("cache-control", "no-cache")],
            ),
            (Method::GET, &[("range", "bytes=1-5")]),
            (Method::GET, &[("range", "bytes=1-5,7-8")]),
            (Method::GET, &[("range", "bytes=300000-")]),
            (
                Method::GET,
                &[("x-forwarded-host", "evil"), ("perigee-via", "x")],
            ),
        ] {
            let of = |edge: &OneEdge| {
                let all = fields.iter();
                let ask = ask(method.clone(), edge.address, HOST, path);
                all.fold(ask, |ask, (name, value)| ask.with(name, value))
                    .send()
            };
            let (short, long) = (of(&edges[0]).await, of(&edges[1]).await);
            assert!(short.is_hit(), "{short:?}");
            assert_eq!(told(&short), told(&long), "{method} {path} {fields:?}");
        }
        assert_eq!(
            count.load(Ordering::SeqCst),
            fetched,
            "all of these were hits"
        );
    }
}

/// What an origin says, and who gets it of those who ask for the same.
const RESPONSES: &[&[(&str, &str)]] = &[
    &[],
    &[("cache-control", "max-age=60"), ("etag", "\"a\"")],
    &[
        ("cache-control", "public, max-age=60"),
        ("server", "origin"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("content-type", "text/plain"),
        ("last-modified", "Mon, 13 Nov 2023 22:13:20 GMT"),
        ("etag", "W/\"b\""),
        ("via", "1.1 gateway"),
    ],
    &[("cache-control", "no-store")],
    &[("cache-control", "max-age=60"), ("vary", "accept")],
    &[("cache-control", "max-age=60"), ("age", "7")],
    &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
    &[
        ("cache-control", "max-age=60, private=\"x-a\""),
        ("x-a", "1"),
    ],
    &[("cache-control", "max-age=60"), ("surrogate-key", "a")],
    &[("cache-control", "max-age=60"), ("cache-status", "a; hit")],
    &[("cache-control", "max-age=60"), ("perigee-refused", "1")],
    &[
        ("cache-control", "max-age=60"),
        ("cdn-cache-control", "no-store"),
    ],
    &[
        ("cache-control", "max-age=60"),
        ("connection", "x-a"),
        ("x-a", "1"),
    ],
    &[("expires", "0"), ("etag", "\"a\""), ("x-empty", "")],
];

#[tokio::test]
async fn misses_are_answered_and_stored_alike() {
    let origin = Origin::start(|request| async move {
        let mut parts = request.path.trim_start_matches('/').split('/');
        let which: usize = parts.next().unwrap().parse().unwrap();
        let mut response = Response::builder();
        for (name, value) in RESPONSES[which] {
            response = response.header(*name, *value);
        }
        let body = Bytes::from(vec![b'x'; which * 100]);
        response.body(Full::new(body)).unwrap()
    })
    .await;
    let edges = [edge(&origin, true).await, edge(&origin, false).await];
    for which in 0..RESPONSES.len() {
        for (kind, fields) in [
            &[][..],
            &[("if-none-match", "\"a\"")],
            &[("range", "bytes=1-5")],
            &[("cookie", "a=b")],
            &[("authorization", "Basic x")],
            &[("accept", "text/plain")],
        ]
        .iter()
        .enumerate()
        {
            let path = &format!("/{which}/{kind}");
            let of = |edge: &OneEdge, fields: &[(&str, &str)]| {
                let ask = ask(Method::GET, edge.address, HOST, path);
                let fields = fields.iter();
                fields
                    .fold(ask, |ask, (name, value)| ask.with(name, value))
                    .send()
            };
            // The first is a miss; what is asked for then tells what was stored.
            for fields in [*fields, &[], &[("if-none-match", "\"a\"")]] {
                let (short, long) = (of(&edges[0], fields).await, of(&edges[1], fields).await);
                assert_eq!(told(&short), told(&long), "{path} {fields:?}");
            }
        }
    }
}
