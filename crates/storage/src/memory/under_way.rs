//! Which fills are under way, so that a purge reaches them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use perigee_http_cache::CacheKey;

/// Enough that fills of different keys seldom meet; a power of two.
const SHARDS: usize = 64;

/// Set by a purge: what it purged must not be stored any more.
pub(super) type Doom = Arc<AtomicBool>;

/// The fills under way, by key, in shards.
///
/// All changes of what is stored under a key are made while its shard is held. So a purge that
/// returned is never followed by a fill that began before it, and no change is lost to another.
#[derive(Debug)]
pub(super) struct UnderWay {
    shards: Vec<Mutex<Shard>>,
}

/// The keys of one shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    fills: HashMap<CacheKey, Vec<Doom>>,
}

impl UnderWay {
    pub(super) fn new() -> Self {
        UnderWay {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Holds the shard of a key.
    pub(super) fn shard(&self, key: &CacheKey) -> MutexGuard<'_, Shard> {
        let index = key.stable_hash() as usize % SHARDS;
        // A fill that panicked under the lock left a list of fills: still a list of fills.
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Notes that a fill of `key` is under way.
    pub(super) fn add(&mut self, key: &CacheKey) -> Doom {
        let doom = Doom::default();
        let fills = self.fills.entry(key.clone()).or_default();
        fills.push(Arc::clone(&doom));
        doom
    }

    /// A fill is no longer under way.
    pub(super) fn remove(&mut self, key: &CacheKey, doom: &Doom) {
        if let Some(fills) = self.fills.get_mut(key) {
            fills.retain(|other| !Arc::ptr_eq(other, doom));
            if fills.is_empty() {
                self.fills.remove(key);
            }
        }
    }

    /// Keeps the fills of `key` that are under way from being stored.
    pub(super) fn doom(&mut self, key: &CacheKey) {
        for doom in self.fills.remove(key).into_iter().flatten() {
            doom.store(true, Relaxed);
        }
    }
}
