//! What the store in memory costs as it grows:
//! `cargo run --release -p perigee-storage --example memory_store [OBJECTS] [BYTES] [MIB]`.
//!
//! Fills it, from 1,000 objects tenfold up to 1,000,000, and asks for each in an order that chance has
//! made: all that an answer takes is read, and copied as the kernel would. Tells what a hit and a fill
//! take, the longest fill, and the memory of the process beside what the store says. CPU times are of
//! the thread. So many MiB are taken from the system first.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{MOST_PURGES, Memory, MemoryConfig, Purges, Store};

/// Hits that are measured for each number of objects.
const HITS: usize = 2_000_000;

const FIELDS: [(&str, &str); 5] = [
    ("cache-control", "public, max-age=86400"),
    ("content-type", "text/plain; charset=utf-8"),
    ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ("etag", "\"33a64df551425fcc\""),
    ("server", "origin"),
];

fn head() -> StoredHead {
    let fields = FIELDS.map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    let now = SystemTime::now();
    StoredHead::new(
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
    )
}

fn key(number: usize) -> CacheKey {
    CacheKey::new(Scheme::Http, "127.0.0.1:8080", &format!("/kept/{number}"))
}

fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}

/// Stores the objects of these numbers; the longest that one took.
async fn fill(store: &Memory, numbers: std::ops::Range<usize>, body: &Bytes) -> Duration {
    let mut longest = Duration::ZERO;
    for number in numbers {
        let (key, head, begun) = (key(number), Arc::new(head()), Instant::now());
        let length = Some(body.len() as u64);
        let mut fill = store.fill(&key, head, length, store.purges().now());
        fill.write(body.clone()).await.expect("it is kept");
        fill.commit().expect("it is whole");
        longest = longest.max(begun.elapsed());
    }
    longest
}

/// What a hit takes, in nanoseconds.
fn hits(store: &Memory, objects: usize) -> f64 {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut lines, mut sent) = (Vec::with_capacity(4096), vec![0; 1 << 20]);
    let (now, mut text) = (SystemTime::now(), String::new());
    let mut ask = |number: usize| {
        text.clear();
        let _ = std::fmt::Write::write_fmt(
            &mut text,
            format_args!("http://127.0.0.1:8080/kept/{number}"),
        );
        let mut bytes = None;
        store.at_once(text.as_bytes(), &mut |hits| {
            let hit = hits.iter().next().expect("one");
            lines.clear();
            lines.extend_from_slice(hit.head().lines());
            bytes = hit.bytes().filter(|_| hit.head().ttl(now) > 0);
            true
        });
        let bytes = bytes.expect("it is there");
        sent[..bytes.len()].copy_from_slice(&bytes);
        black_box((&lines, &sent));
    };
    (0..objects).for_each(&mut ask);
    let begun = cpu();
    (0..HITS).for_each(|_| ask(random.usize(..objects)));
    (cpu() - begun).as_nanos() as f64 / HITS as f64
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let most: usize = numbers.next().unwrap_or(1_000_000);
    let bytes: usize = numbers.next().unwrap_or(1024);
    let prefault: usize = numbers.next().unwrap_or(0);
    let config = MemoryConfig {
        prefault: (prefault as u64) << 20,
        capacity: (most * (bytes + 1024)) as u64 * 2,
        ..MemoryConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let store = Memory::new(config, Arc::new(Purges::new(MOST_PURGES)));
    let body = Bytes::from(vec![b'x'; bytes]);
    let (at_start, empty) = (resident(), store.stats().bytes);
    println!("| objects | ns for a hit | ns for a fill | longest fill | taken | weighed |");
    println!("|---|---|---|---|---|---|");
    let (mut stored, mut next) = (0, 1000.min(most));
    while stored < next {
        let begun = cpu();
        let longest = runtime.block_on(fill(&store, stored..next, &body));
        let filling = (cpu() - begun).as_nanos() as f64 / (next - stored) as f64;
        stored = next;
        let hit = hits(&store, stored);
        let over = |bytes_now: u64| bytes_now as f64 / stored as f64 - bytes as f64;
        let (taken, weighed) = (resident() - at_start, store.stats().bytes - empty);
        println!(
            "| {stored} | {hit:.0} | {filling:.0} | {longest:?} | {:.0} | {:.0} |",
            over(taken),
            over(weighed)
        );
        next = (next * 10).min(most);
    }
}
