//! The real store, with real heads and bodies.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
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

/// What objects weigh in the store: so much each, and so much for each byte of the body.
pub(crate) struct Weights {
    pub(crate) each: f64,
    pub(crate) byte: f64,
}

impl Weights {
    pub(crate) fn measured() -> Self {
        let (small, large) = (1 << 10, 1 << 20);
        let weights = [small, large].map(Perigee::weight);
        let byte = (weights[1] - weights[0]) / f64::from(large - small);
        Weights {
            each: weights[0] - byte * f64::from(small),
            byte,
        }
    }

    pub(crate) fn of(&self, length: u32) -> u64 {
        (self.each + self.byte * f64::from(length)) as u64
    }
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

    /// What an object with a body of this length weighs, on average.
    fn weight(length: u32) -> f64 {
        let lengths = [length; 200];
        let mut store = Perigee::new(4 << 30, &lengths);
        let before = store.store.stats().bytes;
        for object in 0..lengths.len() as u32 {
            store.ask(object);
        }
        (store.store.stats().bytes - before) as f64 / lengths.len() as f64
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
            assert!(
                matches!(written, Poll::Ready(Ok(()))),
                "what is kept waits for nobody"
            );
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
