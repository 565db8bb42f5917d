//! What is on its way to disk: the changes of each key that are not written yet. Lookups apply them
//! over what is on disk, so that what is queued is visible at once.
//!
//! A change is forgotten after the index has the record that it is in. So who takes the changes
//! first and asks the index then may see one twice, and misses none; and each change, made twice in
//! the same order, does what it does once.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use perigee_http_cache::CacheKey;

use super::change::Change;
use crate::{Body, Stored, changes::Limits};

/// Enough that keys seldom meet. A power of two.
const SHARDS: usize = 64;

/// Changes by key.
pub(super) struct Pending {
    shards: Box<[Mutex<Shard>]>,
    /// Keys with changes: mostly none, and then no lock is taken.
    keys: AtomicUsize,
    next: AtomicU64,
}

type Shard = HashMap<CacheKey, Vec<Numbered>>;

/// In the order of all changes of the key.
#[derive(Clone)]
struct Numbered {
    number: u64,
    change: Arc<Change>,
}

/// The changes of one key that are to be made, in order.
#[derive(Clone, Default)]
pub(super) struct Changes(Vec<Numbered>);

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether bytes of a body that they bring are not where they should be by now.
    pub(super) fn lack_bytes(&self) -> bool {
        let mut bodies = self.0.iter().filter_map(|numbered| numbered.change.body());
        bodies.any(Body::is_unwritten)
    }

    /// Those up to this number.
    pub(super) fn up_to(mut self, number: u64) -> Self {
        self.0.retain(|numbered| numbered.number <= number);
        self
    }

    /// What they make of the stored responses of a key.
    pub(super) fn applied_to(&self, mut stored: Vec<Stored>, limits: Limits) -> Vec<Stored> {
        for numbered in &self.0 {
            if let Some(changed) = numbered.change.of(&stored, limits) {
                stored = changed;
            }
        }
        stored
    }
}

impl Pending {
    pub(super) fn new() -> Self {
        Pending {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            keys: AtomicUsize::new(0),
            next: AtomicU64::new(1),
        }
    }

    /// One more; its number.
    pub(super) fn add(&self, hash: u64, key: &CacheKey, change: Change) -> u64 {
        let mut shard = self.shard(hash);
        let number = self.next.fetch_add(1, Relaxed);
        let changes = shard.entry(key.clone()).or_insert_with(|| {
            self.keys.fetch_add(1, Release);
            Vec::new()
        });
        changes.push(Numbered {
            number,
            change: Arc::new(change),
        });
        number
    }

    /// The body of this one is now there.
    pub(super) fn is_moved(&self, hash: u64, key: &CacheKey, number: u64, body: Body) {
        let mut shard = self.shard(hash);
        let mut changes = shard.get_mut(key).into_iter().flatten();
        if let Some(numbered) = changes.find(|numbered| numbered.number == number) {
            numbered.change = Arc::new(numbered.change.over(body));
        }
    }

    /// Those of a key.
    pub(super) fn of(&self, hash: u64, key: &CacheKey) -> Changes {
        if self.keys.load(Acquire) == 0 {
            return Changes::default();
        }
        Changes(self.shard(hash).get(key).cloned().unwrap_or_default())
    }

    /// This one is on disk, or will not be. Says whether it was still there: not if all of the key
    /// were forgotten, or if it was lost.
    pub(super) fn is_done(&self, hash: u64, key: &CacheKey, number: u64) -> bool {
        let mut shard = self.shard(hash);
        let Some(changes) = shard.get_mut(key) else {
            return false;
        };
        let before = changes.len();
        changes.retain(|other| other.number != number);
        let was_there = changes.len() < before;
        if changes.is_empty() {
            shard.remove(key);
            self.keys.fetch_sub(1, Release);
        }
        was_there
    }

    /// Forgets all of a key; says how many those were.
    pub(super) fn forget(&self, hash: u64, key: &CacheKey) -> usize {
        let forgotten = self.shard(hash).remove(key);
        self.keys
            .fetch_sub(usize::from(forgotten.is_some()), Release);
        forgotten.map_or(0, |changes| changes.len())
    }

    /// Shows all keys that have changes.
    pub(super) fn each(&self, mut show: impl FnMut(&CacheKey)) {
        for shard in &self.shards {
            lock(shard).keys().for_each(&mut show);
        }
    }

    /// Keys that have changes.
    pub(super) fn keys(&self) -> usize {
        self.keys.load(Relaxed)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

/// Nothing under the lock leaves a list half made.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}
