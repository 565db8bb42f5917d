//! The real store, with real heads and bodies.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use perigee_http_cache::{CacheKey, Policy, RequestHead, ResponseHead, Scheme, StoredHead, Times};
use perigee_storage::{Answer, Memory, MemoryConfig, Purges, Revision, Store};

use super::Peer;

pub(crate) struct Perigee<'a> {
    store: Memory,
    lengths: &'a [u32],
    head: Arc<StoredHead>,
    /// What bodies are copied from.
    content: Bytes,
}

/// Bytes that come from a socket at once.
const PIECE: usize = 64 << 10;

impl<'a> Perigee<'a> {
    pub(crate) fn new(capacity: u64, lengths: &'a [u32]) -> Self {
        let config = MemoryConfig {
            capacity,
            max_object_share: 1.0,
            fill_bytes: capacity,
            ..MemoryConfig::default()
        };
        Perigee {
            store: Memory::with_seed(config, Arc::new(Purges::new(1)), 1),
            lengths,
            head: head(),
            content: vec![7; PIECE].into(),
        }
    }

    /// What an object weighs beside its body, on average over these.
    pub(crate) fn overhead(lengths: &[u32]) -> u64 {
        let mut store = Perigee::new(4 << 30, lengths);
        let before = store.store.stats().bytes;
        let some = 0..lengths.len().min(2000);
        let bodies: u64 = some.clone().map(|n| u64::from(lengths[n])).sum();
        some.clone().for_each(|n| {
            store.ask(n as u32);
        });
        (store.store.stats().bytes - before - bodies) / some.len() as u64
    }

    fn store(&self, key: &CacheKey, length: usize) {
        let mut fill = self.store.fill(
            key,
            Arc::clone(&self.head),
            Some(length as u64),
            Revision::default(),
        );
        if !fill.is_kept() {
            return;
        }
        let mut left = length;
        while left > 0 {
            let piece = self.content.slice(..left.min(PIECE));
            left -= piece.len();
            // What is kept waits for nobody.
            let written = pin!(fill.write(piece)).poll(&mut Context::from_waker(Waker::noop()));
            assert!(written.is_ready());
        }
        fill.commit().expect("as long as it said");
    }
}

impl Peer for Perigee<'_> {
    fn ask(&mut self, object: u32) -> bool {
        let key = CacheKey::new(
            Scheme::Https,
            "www.example.org",
            &format!("/objects/{object}"),
        );
        let Answer::Now(found) = self.store.lookup(&key) else {
            unreachable!("memory answers at once");
        };
        if found.is_empty() {
            self.store(&key, self.lengths[object as usize] as usize);
        }
        !found.is_empty()
    }
}

/// As origins send them.
fn head() -> Arc<StoredHead> {
    let fields = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::ETAG, "\"0123456789abcdef\""),
        (header::LAST_MODIFIED, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (header::DATE, "Fri, 02 Jan 1970 00:00:00 GMT"),
        (header::SERVER, "origin"),
    ];
    let fields: HeaderMap = fields
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .into_iter()
        .collect();
    let at = UNIX_EPOCH + Duration::from_secs(86_400);
    let request = RequestHead {
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: &fields,
    };
    let times = Times {
        requested: at,
        received: at,
    };
    Arc::new(StoredHead::new(
        &request,
        response,
        &Policy::default(),
        times,
    ))
}
