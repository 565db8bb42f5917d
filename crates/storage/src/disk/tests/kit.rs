//! What these tests have in common.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};

use crate::{
    Disk, DiskConfig, FillError, ReadError, Revision, Store, Stored, Variants,
    disk::log::{Files, tests::ram::Ram},
};

/// Small, so that little is much.
pub(crate) fn config(capacity: u64) -> DiskConfig {
    DiskConfig {
        segment: capacity / 4,
        write_queue: 64 << 20,
        retry_after: Duration::from_millis(1),
        max_object_share: 1.0,
        readmit_share: 0.5,
        ..DiskConfig::new("/store".into(), capacity)
    }
}

/// A disk that outlives the process.
pub(crate) struct Machine {
    pub(crate) ram: Ram,
    pub(crate) config: DiskConfig,
}

impl Machine {
    pub(crate) fn new(capacity: u64) -> Self {
        Machine {
            ram: Ram::default(),
            config: config(capacity),
        }
    }

    /// A store that knows what is on disk.
    pub(crate) fn start(&self) -> Disk {
        let disk = self.start_cold();
        while disk.is_loading() {
            std::thread::yield_now();
        }
        disk
    }

    pub(crate) fn start_cold(&self) -> Disk {
        let files: Arc<dyn Files> = Arc::new(self.ram.clone());
        Disk::open_with(&self.config, 1000, SystemTime::now(), &files).unwrap()
    }
}

pub(crate) fn key(path: &str) -> CacheKey {
    CacheKey::new(Scheme::Https, "a.test", path)
}

/// Bytes that tell their offset, and whose they are.
pub(crate) fn bytes(seed: u64, length: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

/// A head for requests with this language, with this tag.
pub(crate) fn head(language: &str, etag: &str, length: usize) -> Arc<StoredHead> {
    head_labelled(language, etag, length, etag)
}

/// The same, with this surrogate key, and in this group.
pub(crate) fn head_labelled(
    language: &str,
    etag: &str,
    length: usize,
    label: &str,
) -> Arc<StoredHead> {
    let request = HeaderMap::from_iter([(http::header::ACCEPT_LANGUAGE, value(language))]);
    let response = HeaderMap::from_iter([
        (http::header::VARY, value("accept-language")),
        (http::header::ETAG, value(&format!("\"{etag}\""))),
        (http::header::CACHE_CONTROL, value("max-age=60")),
        (http::header::CONTENT_LENGTH, value(&length.to_string())),
        (http::HeaderName::from_static("surrogate-key"), value(label)),
        (
            http::HeaderName::from_static("cache-groups"),
            value(&format!("\"{label}\"")),
        ),
    ]);
    let now = SystemTime::now();
    Arc::new(StoredHead::new(
        &RequestHead {
            method: &Method::GET,
            headers: &request,
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

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}

pub(crate) fn etag(stored: &Stored) -> String {
    let text = stored.head.headers["etag"].to_str().unwrap();
    text.trim_matches('"').to_owned()
}

/// Runs to the end, here.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Stores a body; whether it was taken.
pub(crate) fn store(disk: &impl Store, path: &str, head: Arc<StoredHead>, body: &Bytes) -> bool {
    store_as_of(disk, path, head, body, disk.purges().now())
}

/// The same, of what was asked for earlier. It arrives in pieces.
pub(crate) fn store_as_of(
    disk: &impl Store,
    path: &str,
    head: Arc<StoredHead>,
    body: &Bytes,
    asked: Revision,
) -> bool {
    let mut fill = disk.fill(&key(path), head, Some(body.len() as u64), asked);
    let written = wait(async {
        for piece in body.chunks(100_000) {
            fill.write(body.slice_ref(piece)).await?;
        }
        Ok::<_, FillError>(())
    });
    let stored = fill.stored();
    // What is not kept may stop, for nobody reads it.
    if written.is_err() || fill.commit().is_err() {
        return false;
    }
    let variants = lookup(disk, path);
    variants.iter().any(|other| other.id == stored.id)
}

pub(crate) fn lookup(disk: &impl Store, path: &str) -> Variants {
    wait(disk.lookup(&key(path)).get())
}

pub(crate) fn read(stored: &Stored) -> Result<Bytes, ReadError> {
    let mut reader = stored.body.read();
    wait(async {
        let mut all = Vec::new();
        while let Some(chunk) = poll_fn(|cx| reader.poll_chunk(cx)).await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.into())
    })
}
