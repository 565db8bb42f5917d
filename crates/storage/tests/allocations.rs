//! A hit in memory that is answered at once costs no allocation; nor does a decision.
//!
//! A file of its own, for an allocator is that of a whole process.

#![allow(
    unsafe_code,
    reason = "an allocator that counts can be had in no other way"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use perigee_http_cache::{
    CacheKey, Decision, Now, Plain, Policy, RequestHead, ResponseHead, Scheme, Sent, StoredHead,
    Times, at_once, decide,
};
use perigee_storage::{
    Answer, DiskConfig, MOST_PURGES, Memory, MemoryConfig, Purge, Purges, Store, Stored, Target,
    Tiered,
};

thread_local! {
    /// What this thread has allocated: others may do as they like.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; to count needs no allocation, for the
// counter has a constant for its first value and nothing to drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `work` allocates, and gives.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.get();
    let done = work();
    (ALLOCATIONS.get() - before, done)
}

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |&(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    };
    lines.iter().map(field).collect()
}

fn request_fields() -> HeaderMap {
    fields(&[
        ("host", "www.example.org"),
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-US,en;q=0.5"),
    ])
}

fn head() -> Arc<StoredHead> {
    let response = fields(&[
        ("cache-control", "public, max-age=3600"),
        ("content-type", "text/html; charset=utf-8"),
        ("etag", "\"33a64df551425fcc\""),
        ("vary", "accept-encoding"),
        ("surrogate-key", "page"),
    ]);
    let now = SystemTime::now();
    Arc::new(StoredHead::new(
        &RequestHead {
            method: &Method::GET,
            headers: &request_fields(),
        },
        ResponseHead {
            status: StatusCode::OK,
            headers: &response,
        },
        &Policy::default(),
        Times {
            requested: now,
            received: now,
        },
    ))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn fill(store: &dyn Store, key: &CacheKey) {
    runtime().block_on(async {
        let mut fill = store.fill(key, head(), Some(5), store.purges().now());
        fill.write(Bytes::from_static(b"hello")).await.unwrap();
        fill.commit().unwrap();
    });
}

fn is_hit_without_allocation(store: &dyn Store, key: &CacheKey) {
    let headers = request_fields();
    let request = RequestHead {
        method: &Method::GET,
        headers: &headers,
    };
    let (policy, now) = (Policy::default(), SystemTime::now());
    let Answer::Now(variants) = store.lookup(key) else {
        panic!("memory answers at once");
    };
    let heads: &[Stored] = &variants;
    let (count, decision) = allocations(|| decide(&request, heads, &policy, now));
    assert!(matches!(decision, Decision::Serve(_)), "{decision:?}");
    assert_eq!(count, 0);
}

/// The same by the short way, head and body included.
fn is_told_without_allocation(store: &dyn Store, key: &CacheKey) {
    let headers = request_fields();
    let fields = || headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes()));
    let (policy, now) = (Policy::default(), Now::from(SystemTime::now()));
    let mut lines = Vec::with_capacity(4096);
    let mut body = None;
    let (count, is_served) = allocations(|| {
        store.at_once(key.as_str().as_bytes(), &mut |hits| {
            let plain = Plain::of(false, fields()).unwrap();
            let sent = |name: &HeaderName| match headers.get(name) {
                Some(value) => Sent::Once(value.as_bytes()),
                None => Sent::No,
            };
            let heads = hits.iter().map(|hit| hit.head());
            let serve = at_once(&plain, heads, sent, &policy, now).unwrap();
            let hit = hits.iter().nth(serve.variant).unwrap();
            body = hit.at_hand(0..u64::MAX);
            let length = hit.head().render_lines(&serve, Some(5), false, &mut lines);
            length == Some(Some(5))
        })
    });
    let text = std::str::from_utf8(&lines).unwrap();
    let (_, age) = text.trim_end().rsplit_once("\r\nage: ").unwrap();
    assert!(is_served && age.parse::<u64>().is_ok(), "{text}");
    assert_eq!(body.as_deref(), Some(&b"hello"[..]));
    assert_eq!(count, 0);
}

fn check(store: &dyn Store) {
    let key = CacheKey::new(Scheme::Https, "www.example.org", "/page");
    fill(store, &key);
    // What small bodies are copied to is allocated once for each thread.
    store.at_once(key.as_str().as_bytes(), &mut |hits| {
        hits.iter().any(|hit| hit.bytes().is_some())
    });
    for _ in 0..100 {
        is_hit_without_allocation(store, &key);
        is_told_without_allocation(store, &key);
    }
    // The first lookup after a purge asks whether it was about this; those behind it need not.
    let other = Target::Tag {
        host: None,
        tag: "other".into(),
    };
    let purge = Purge::hard(other);
    runtime().block_on(store.purge(&purge, SystemTime::now()).get());
    let _ = store.lookup(&key);
    for _ in 0..100 {
        is_hit_without_allocation(store, &key);
        is_told_without_allocation(store, &key);
    }
}

#[test]
fn what_allocates_is_counted() {
    let (count, text) = allocations(|| vec![1_u8, 2]);
    assert_eq!((count, text.len()), (1, 2));
}

#[test]
fn a_hit_in_memory_allocates_nothing() {
    let purges = Arc::new(Purges::new(MOST_PURGES));
    check(&Memory::new(MemoryConfig::default(), purges));
}

#[test]
fn neither_does_one_over_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskConfig::new(folder.path().join("node"), 64 << 20);
    let memory = MemoryConfig::default();
    check(&Tiered::open(memory, &disk, MOST_PURGES, SystemTime::now()).unwrap());
}
