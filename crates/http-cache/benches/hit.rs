//! What a fresh hit costs: nanoseconds, and allocations, which are to be none in `decide`; and what
//! it costs more to read the head from disk (`record_decode`).
//!
//! `cargo bench -p perigee-http-cache`

#![allow(missing_docs)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use divan::{AllocProfiler, Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{
    Decision, Policy, RequestHead, ResponseHead, StoredHead, Times, answer, decide,
};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// What a browser sends.
const BROWSER: &[(&str, &str)] = &[
    ("host", "www.example.com"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("sec-fetch-mode", "navigate"),
];

/// What an origin answers.
const ORIGIN: &[(&str, &str)] = &[
    ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-length", "10000"),
    ("cache-control", "public, max-age=3600"),
    ("etag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
    ("last-modified", "Mon, 13 Nov 2023 22:13:20 GMT"),
    ("x-frame-options", "DENY"),
];

const KINDS: &[&str] = &[
    "plain",
    "if-none-match",
    "vary-accept-encoding",
    "range",
    "no-cache",
];

/// A request and what is stored for it.
struct Hit {
    method: Method,
    request: HeaderMap,
    stored: [StoredHead; 1],
    policy: Policy,
    now: SystemTime,
}

impl Hit {
    fn new(kind: &str) -> Self {
        let (mut request, mut response) = (map(BROWSER), map(ORIGIN));
        let add = |map: &mut HeaderMap, name: &'static str, value: &'static str| {
            map.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        };
        match kind {
            "if-none-match" => {
                let tag = response["etag"].clone();
                request.insert("if-none-match", tag);
            }
            "vary-accept-encoding" => add(&mut response, "vary", "accept-encoding"),
            "range" => add(&mut request, "range", "bytes=1000-1999"),
            // Not obeyed by default, but read.
            "no-cache" => add(&mut request, "cache-control", "no-cache"),
            _ => {}
        }
        let (method, policy) = (Method::GET, Policy::default());
        let received = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let times = Times {
            requested: received,
            received,
        };
        let head = RequestHead {
            method: &method,
            headers: &request,
        };
        let response = ResponseHead {
            status: StatusCode::OK,
            headers: &response,
        };
        let stored = [StoredHead::new(&head, response, &policy, times)];
        Hit {
            method,
            request,
            stored,
            policy,
            now: received + Duration::from_secs(60),
        }
    }

    fn request(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            headers: &self.request,
        }
    }
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let fields = fields.iter();
    let fields = fields.map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
    fields.collect()
}

#[divan::bench(name = "decide", args = KINDS)]
fn decided(bencher: Bencher<'_, '_>, kind: &str) {
    let hit = Hit::new(kind);
    bencher.bench_local(|| {
        let decision = decide(
            &black_box(&hit).request(),
            &hit.stored,
            &hit.policy,
            hit.now,
        );
        assert!(matches!(decision, Decision::Serve(_)));
        decision
    });
}

#[divan::bench(args = KINDS)]
fn render(bencher: Bencher<'_, '_>, kind: &str) {
    let hit = Hit::new(kind);
    let serve = answer(&hit.request(), 0, &hit.stored[0], &hit.policy, hit.now).unwrap();
    bencher.bench_local(|| black_box(&hit).stored[0].render(&serve, None));
}

/// A head of 12 fields, as a store on disk keeps it.
fn recorded() -> (StoredHead, Vec<u8>) {
    let mut response = map(ORIGIN);
    for (name, value) in [
        ("vary", "accept-encoding"),
        ("server", "nginx"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-amzn-trace", "Root=1-67891233-abcdef012345678912345678"),
        ("surrogate-key", "article-1 section-news"),
    ] {
        response.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let hit = Hit::new("plain");
    let received = hit.now;
    let times = Times {
        requested: received,
        received,
    };
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &response,
    };
    let head = StoredHead::new(&hit.request(), response, &hit.policy, times);
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    (head, bytes)
}

#[divan::bench]
fn record_decode(bencher: Bencher<'_, '_>) {
    let (_, bytes) = recorded();
    bencher.bench_local(|| StoredHead::decode(black_box(&bytes)));
}

#[divan::bench]
fn record_encode(bencher: Bencher<'_, '_>) {
    let (head, bytes) = recorded();
    let mut out = Vec::with_capacity(bytes.len());
    bencher.bench_local(|| {
        out.clear();
        black_box(&head).encode(&mut out);
    });
}
