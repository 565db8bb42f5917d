//! What the cases share.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{
    Fill, FillError, Hit, MOST_PURGES, Memory, MemoryConfig, Purge, Purged, Purges, ReadError,
    Reader, Store, Stored, StoredId, Variants,
};

/// What a case wants of a store.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) capacity: u64,
    pub(crate) max_object: u64,
    pub(crate) fill_bytes: u64,
    pub(crate) window: u64,
    pub(crate) patience: Duration,
    pub(crate) variants: usize,
}

/// Room for all that a case does, unless it says otherwise.
pub(crate) const ROOMY: Limits = Limits {
    capacity: 64 << 20,
    max_object: 8 << 20,
    fill_bytes: 32 << 20,
    window: 256 << 10,
    patience: Duration::MAX,
    variants: 4,
};

/// Makes an empty store.
pub(crate) type Make = fn(Limits) -> Arc<dyn Store>;

pub(crate) fn memory(limits: Limits) -> Arc<dyn Store> {
    let purges = Arc::new(Purges::new(MOST_PURGES));
    Arc::new(Memory::new(memory_config(limits), purges))
}

pub(crate) fn memory_config(limits: Limits) -> MemoryConfig {
    MemoryConfig {
        capacity: limits.capacity,
        prefault: 0,
        max_object_share: limits.max_object as f64 / limits.capacity as f64,
        fill_bytes: limits.fill_bytes,
        window: limits.window,
        window_patience: limits.patience,
        variants_per_key: limits.variants,
    }
}

/// Fails a case that hangs.
pub(crate) async fn in_time<T>(case: impl Future<Output = T>) -> T {
    let deadline = Duration::from_secs(30);
    tokio::time::timeout(deadline, case)
        .await
        .expect("the case ends in time")
}

pub(crate) fn key(path: &str) -> CacheKey {
    CacheKey::new(Scheme::Https, "www.example.org", path)
}

fn request_fields(language: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(
        header::ACCEPT_LANGUAGE,
        HeaderValue::from_str(language).unwrap(),
    );
    fields
}

/// A head that requests for this language select, with a mark to know it by.
pub(crate) fn head(language: &str, mark: &str) -> Arc<StoredHead> {
    head_in(language, mark, "")
}

/// The same, in the groups of this list (RFC 9875).
pub(crate) fn head_in(language: &str, mark: &str, groups: &str) -> Arc<StoredHead> {
    head_of(language, mark, &[("cache-groups", groups)])
}

/// The same, with these tags.
pub(crate) fn head_tagged(language: &str, mark: &str, tags: &str) -> Arc<StoredHead> {
    head_of(language, mark, &[("surrogate-key", tags)])
}

/// The same, with these fields in place of those that they have else.
pub(crate) fn head_of(
    language: &str,
    mark: &str,
    other: &[(&'static str, &str)],
) -> Arc<StoredHead> {
    let mut fields = HeaderMap::new();
    let usual = [
        ("cache-control", "max-age=60"),
        ("vary", "accept-language"),
        ("mark", mark),
    ];
    for (name, value) in usual.iter().chain(other) {
        fields.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let now = SystemTime::now();
    Arc::new(StoredHead::new(
        &RequestHead {
            method: &Method::GET,
            headers: &request_fields(language),
        },
        ResponseHead {
            status: StatusCode::OK,
            headers: &fields,
        },
        &Policy::default(),
        Times {
            requested: now,
            received: now,
        },
    ))
}

pub(crate) fn mark(stored: &Stored) -> &str {
    stored.head.headers["mark"].to_str().unwrap()
}

/// Bytes that tell their offset, so that a shifted or repeated one shows.
pub(crate) fn bytes(length: usize) -> Bytes {
    (0..length)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8)
        .collect()
}

pub(crate) async fn lookup(store: &dyn Store, path: &str) -> Variants {
    store.lookup(&key(path)).get().await
}

/// What is shown at once of a key, if anything: ids and marks. It is no request.
pub(crate) async fn shown(store: &dyn Store, key: &CacheKey) -> Option<Vec<(StoredId, String)>> {
    let mut seen = None;
    let is_answered = store.at_once(key.as_str().as_bytes(), &mut |hits| {
        let mark = |hit: Hit<'_>| {
            let lines = String::from_utf8_lossy(hit.head().lines()).into_owned();
            let mark = lines.lines().find_map(|line| line.strip_prefix("mark: "));
            (hit.id(), mark.unwrap_or_default().to_owned())
        };
        seen = Some(hits.iter().map(mark).collect());
        false
    });
    assert!(!is_answered, "nothing was answered");
    seen
}

/// A fill of what is asked for now.
pub(crate) trait Begin {
    fn begin(&self, key: &CacheKey, head: Arc<StoredHead>, length: Option<u64>) -> Fill;
}

impl Begin for dyn Store {
    fn begin(&self, key: &CacheKey, head: Arc<StoredHead>, length: Option<u64>) -> Fill {
        self.fill(key, head, length, self.purges().now())
    }
}

/// A stored response under a head that is asked for now.
pub(crate) fn freshened(store: &dyn Store, old: &Stored, head: Arc<StoredHead>) -> Stored {
    old.freshened(head, store.purges().now())
}

pub(crate) async fn purge(store: &dyn Store, purge: Purge) -> Purged {
    store.purge(&purge, SystemTime::now()).get().await
}

/// Writes a body in pieces of this many bytes.
pub(crate) async fn write(fill: &mut Fill, body: &Bytes, piece: usize) -> Result<(), FillError> {
    let mut rest = body.clone();
    while !rest.is_empty() {
        let chunk = rest.split_to(piece.min(rest.len()));
        fill.write(chunk).await?;
    }
    Ok(())
}

/// Stores a body under a key, without a stated length.
pub(crate) async fn store_body(store: &dyn Store, path: &str, head: Arc<StoredHead>, body: &Bytes) {
    let mut fill = store.begin(&key(path), head, None);
    write(&mut fill, body, 10_000).await.unwrap();
    fill.commit().unwrap();
}

pub(crate) async fn next(reader: &mut Reader) -> Option<Result<Bytes, ReadError>> {
    poll_fn(|cx| reader.poll_chunk(cx)).await
}

/// Reads to the end.
pub(crate) async fn read(mut reader: Reader) -> Result<Bytes, ReadError> {
    let mut all = Vec::new();
    while let Some(chunk) = next(&mut reader).await {
        let chunk = chunk?;
        assert!(!chunk.is_empty(), "a chunk is never empty");
        all.extend_from_slice(&chunk);
    }
    assert_eq!(reader.remaining(), Some(0));
    Ok(all.into())
}

/// Reads until this many bytes have come.
pub(crate) async fn read_exactly(reader: &mut Reader, count: usize) -> Bytes {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend_from_slice(&next(reader).await.expect("more to read").unwrap());
    }
    assert_eq!(all.len(), count, "chunks end there");
    all.into()
}

/// Whether there is nothing to read yet.
pub(crate) fn is_waiting(reader: &mut Reader) -> bool {
    is_waiting_for(reader, &Arc::default())
}

/// Whether there is nothing to read yet; if so, `woken` tells when to look again.
pub(crate) fn is_waiting_for(reader: &mut Reader, woken: &Arc<Woken>) -> bool {
    let waker = Waker::from(Arc::clone(woken));
    reader
        .poll_chunk(&mut Context::from_waker(&waker))
        .is_pending()
}

/// Whether a task would have been woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicBool);

impl Woken {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Begins a write; whether it is done at once.
pub(crate) fn try_write(fill: &mut Fill, chunk: Bytes) -> Poll<Result<(), FillError>> {
    pin!(fill.write(chunk)).poll(&mut Context::from_waker(Waker::noop()))
}
