//! What small objects take of memory, by what the system says: no more than is promised, and no more than
//! the store weighs.
//!
//! A file of its own, for memory is that of a whole process.

#![cfg(target_os = "linux")]

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{MOST_PURGES, Memory, MemoryConfig, Purges, Store};

const OBJECTS: u64 = 50_000;
const BODY: u64 = 1024;

/// Bytes over its body that each may take, its share of the index included.
const OVER: u64 = 480;

const FIELDS: [(&str, &str); 6] = [
    ("server", "origin"),
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("content-type", "text/plain; charset=utf-8"),
    ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ("etag", "\"33a64df551425fcc\""),
    ("cache-control", "public, max-age=86400"),
];

fn head() -> Arc<StoredHead> {
    let fields = FIELDS.map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    Arc::new(StoredHead::new(
        &RequestHead {
            method: &Method::GET,
            headers: &HeaderMap::new(),
        },
        ResponseHead {
            status: StatusCode::OK,
            headers: &HeaderMap::from_iter(fields),
        },
        &Policy::default(),
        Times {
            requested: now,
            received: now,
        },
    ))
}

/// Memory that this process has to itself.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.unwrap().parse::<u64>().unwrap() * 1024
}

/// Stores objects, as a proxy does: each leaves behind what its fetch has allocated for a moment.
async fn store(store: &Memory, objects: std::ops::Range<u64>) {
    for number in objects {
        let key = CacheKey::new(Scheme::Http, "127.0.0.1:8080", &format!("/kept/{number}"));
        let mut fill = store.fill(&key, head(), Some(BODY), store.purges().now());
        let body = Bytes::from(vec![b'x'; BODY as usize]);
        fill.write(body).await.unwrap();
        fill.commit().unwrap();
    }
}

#[test]
fn a_small_object_takes_little_over_its_body_and_no_more_than_it_weighs() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let config = MemoryConfig::default();
    let memory = Memory::new(config, Arc::new(Purges::new(MOST_PURGES)));
    // What it takes to store at all is not what an object costs.
    runtime.block_on(store(&memory, 0..1000));
    let (before, weighed) = (resident(), memory.stats().bytes);
    runtime.block_on(store(&memory, 1000..1000 + OBJECTS));
    let (taken, weighed) = (resident() - before, memory.stats().bytes - weighed);
    assert_eq!(memory.stats().keys, OBJECTS + 1000);
    let over = taken / OBJECTS - BODY;
    assert!(over <= OVER, "{over} bytes over the body");
    assert!(taken <= weighed, "{taken} are taken, {weighed} weighed");
}
