//! The memory tier.

use std::sync::Arc;

use perigee_http_cache::{CacheKey, StoredHead};

use crate::{Answer, Fill, Purge, Stats, Store, Stored, Variants};

/// Limits of the memory tier.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryConfig {
    /// Bytes for heads, bodies and index. Default 256 MiB.
    pub capacity: u64,
    /// The share of `capacity` that one object may take; larger ones stream through uncached.
    /// Default 1/8.
    pub max_object_share: f64,
    /// Bytes for bodies that are arriving, over all fills. Default a quarter of `capacity`.
    pub fill_bytes: u64,
    /// Bytes that a fill which is not kept may run ahead of its slowest reader. Default 1 MiB.
    pub window: u64,
    /// Stored responses per key. Default 16; the oldest goes.
    pub variants_per_key: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        MemoryConfig {
            capacity: 256 << 20,
            max_object_share: 0.125,
            fill_bytes: 64 << 20,
            window: 1 << 20,
            variants_per_key: 16,
        }
    }
}

/// Responses in memory, weighed in bytes.
#[derive(Debug)]
pub struct Memory {}

impl Memory {
    /// An empty store.
    pub fn new(_config: MemoryConfig) -> Self {
        todo!()
    }
}

impl Store for Memory {
    fn lookup(&self, _key: &CacheKey) -> Answer<Variants> {
        todo!()
    }

    fn fill(&self, _key: &CacheKey, _head: Arc<StoredHead>, _length: Option<u64>) -> Fill {
        todo!()
    }

    fn freshen(&self, _key: &CacheKey, _old: &Stored, _head: Arc<StoredHead>) -> Answer<()> {
        todo!()
    }

    fn purge(&self, _purge: &Purge) -> Answer<u64> {
        todo!()
    }

    fn stats(&self) -> Stats {
        todo!()
    }
}
