//! What a purge costs: `cargo bench -p perigee-storage --bench purge -- 1000000`, the objects in
//! memory. Each has two tags; one of them all share.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{
    Answer, MOST_PURGES, Memory, MemoryConfig, Purge, Purges, Revision, Store, Target,
};

fn key(n: usize) -> CacheKey {
    CacheKey::new(Scheme::Https, "www.example.com", &format!("/article/{n}"))
}

fn head(n: usize, at: SystemTime) -> Arc<StoredHead> {
    let tags = format!("all article-{n}");
    let fields = [
        ("surrogate-key", &*tags),
        ("cache-control", "max-age=3600"),
        ("content-type", "text/html"),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_str(value).expect("a field value"));
    }
    let request = RequestHead {
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &headers,
    };
    let times = Times {
        requested: at,
        received: at,
    };
    StoredHead::new(&request, response, &Policy::default(), times).into()
}

fn full(objects: usize) -> Memory {
    let config = MemoryConfig {
        capacity: 64 << 30,
        ..MemoryConfig::default()
    };
    let store = Memory::new(config, Arc::new(Purges::new(MOST_PURGES)));
    let at = SystemTime::now();
    for n in 0..objects {
        let fill = store.fill(&key(n), head(n, at), Some(0), Revision::default());
        fill.commit().expect("commits");
    }
    store
}

fn found(answer: Answer<perigee_storage::Variants>) -> usize {
    match answer {
        Answer::Now(variants) => variants.len(),
        Answer::Later(_) => unreachable!("memory answers at once"),
    }
}

/// Nanoseconds for each lookup of all, and how many were found.
fn look(store: &Memory, keys: &[CacheKey]) -> (f64, usize) {
    let begun = Instant::now();
    let all = keys.iter().map(|key| found(store.lookup(key))).sum();
    (begun.elapsed().as_nanos() as f64 / keys.len() as f64, all)
}

fn purge(store: &Memory, target: Target, soft: bool) -> Duration {
    let begun = Instant::now();
    drop(store.purge(&Purge { target, soft }, SystemTime::now()));
    begun.elapsed()
}

fn main() {
    let objects = std::env::args().find_map(|arg| arg.parse().ok());
    let objects = objects.unwrap_or(1_000_000);
    let tag = |tag: &str| Target::Tag {
        host: None,
        tag: tag.into(),
    };
    let (store, keys) = (full(objects), (0..objects).map(key).collect::<Vec<_>>());
    println!("{} objects in memory", store.stats().keys);
    let (before, _) = look(&store, &keys);
    println!("lookup, nothing purged:                {before:7.0} ns");
    let prefix = Target::Prefix("www.example.com/article/17".into());
    for (what, target, soft) in [
        ("a tag that nothing has", tag("other"), false),
        ("a prefix, soft", prefix, true),
        ("a tag that all have, soft", tag("all"), true),
        ("a tag that all have, hard", tag("all"), false),
    ] {
        let took = purge(&store, target, soft);
        let (first, left) = look(&store, &keys);
        let (next, _) = look(&store, &keys);
        println!(
            "{what:26} {:7.2} µs; then lookups {first:5.0} ns the first time, {next:5.0} ns after \
             that; {left} left",
            took.as_nanos() as f64 / 1_000.0,
        );
    }
    let store = full(objects);
    purge(&store, tag("all"), false);
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        let step = Instant::now();
        let more = store.sweep(256);
        longest = longest.max(step.elapsed());
        if !more {
            break;
        }
    }
    println!(
        "swept in {:.2} s of one core, {:.0} µs the longest step; {} keys left",
        begun.elapsed().as_secs_f64(),
        longest.as_nanos() as f64 / 1_000.0,
        store.stats().keys
    );
}
