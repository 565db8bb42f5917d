//! Which fills are under way, so that a purge reaches them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use perigee_http_cache::{CacheKey, StoredHead};

/// Enough that fills of different keys seldom meet; a power of two.
const SHARDS: usize = 64;

/// Set by a purge: what it purged must not be stored any more.
pub(super) type Doom = Arc<AtomicBool>;

/// A fill under way.
#[derive(Debug)]
struct Begun {
    doom: Doom,
    head: Arc<StoredHead>,
}

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
    fills: HashMap<CacheKey, Vec<Begun>>,
}

impl UnderWay {
    pub(super) fn new() -> Self {
        UnderWay {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Holds the shard of a key.
    pub(super) fn shard(&self, key: &CacheKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[key.stable_hash() as usize % SHARDS])
    }

    /// Keeps all fills that are under way and meant from being stored. Those that are stored by
    /// then can be seen in the store when this returns.
    pub(super) fn doom_all(&self, is_meant: impl Fn(&CacheKey, &StoredHead) -> bool) {
        for shard in &self.shards {
            lock(shard).doom_all(&is_meant);
        }
    }
}

/// A fill that panicked under the lock left a list of fills: still a list of fills.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Notes that a fill of `key` is under way.
    pub(super) fn add(&mut self, key: &CacheKey, head: &Arc<StoredHead>) -> Doom {
        let doom = Doom::default();
        self.fills.entry(key.clone()).or_default().push(Begun {
            doom: Arc::clone(&doom),
            head: Arc::clone(head),
        });
        doom
    }

    /// A fill is no longer under way.
    pub(super) fn remove(&mut self, key: &CacheKey, doom: &Doom) {
        if let Some(fills) = self.fills.get_mut(key) {
            fills.retain(|fill| !Arc::ptr_eq(&fill.doom, doom));
            if fills.is_empty() {
                self.fills.remove(key);
            }
        }
    }

    /// Keeps the fills of `key` that are under way from being stored.
    pub(super) fn doom(&mut self, key: &CacheKey) {
        for fill in self.fills.remove(key).into_iter().flatten() {
            fill.doom.store(true, Relaxed);
        }
    }

    /// Keeps the fills that are under way and meant from being stored.
    fn doom_all(&mut self, is_meant: &impl Fn(&CacheKey, &StoredHead) -> bool) {
        self.fills.retain(|key, fills| {
            for fill in fills.extract_if(.., |fill| is_meant(key, &fill.head)) {
                fill.doom.store(true, Relaxed);
            }
            !fills.is_empty()
        });
    }
}
