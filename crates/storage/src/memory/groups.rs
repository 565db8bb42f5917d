//! Which keys have responses in which group (RFC 9875), so that a purge of a group need not look
//! at all that is stored.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use perigee_http_cache::CacheKey;

use crate::Stored;

/// Enough that fills of different groups seldom meet; a power of two.
const SHARDS: usize = 16;

/// Keys by the group of their origin.
///
/// Every value that goes into the cache is counted in before, and counted out when the cache lets
/// go of it, for whatever reason and however late. So whichever comes first, the listener's call
/// for a value that was replaced or the next one going in, no key that has responses in a group
/// is ever missing, and none stays behind that has none.
///
/// Groups are known by a hash with a secret: two may fall together, by chance alone. Who purges
/// looks at each response, so that costs a look and removes nothing.
#[derive(Debug)]
pub(super) struct Groups {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

/// Keys by the hash of a group, each with the number of responses counted in.
type Shard = HashMap<u64, HashMap<CacheKey, usize>>;

impl Groups {
    pub(super) fn new() -> Self {
        Groups {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// These responses go into the cache under `key`.
    pub(super) fn count_in(&self, key: &CacheKey, variants: &[Stored]) {
        for group in self.all(key, variants) {
            let mut shard = self.shard(group);
            let keys = shard.entry(group).or_default();
            *keys.entry(key.clone()).or_default() += 1;
        }
    }

    /// The cache has let go of them.
    pub(super) fn count_out(&self, key: &CacheKey, variants: &[Stored]) {
        for group in self.all(key, variants) {
            let mut shard = self.shard(group);
            let Entry::Occupied(mut keys) = shard.entry(group) else {
                continue;
            };
            if let Some(count) = keys.get_mut().get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    keys.get_mut().remove(key);
                }
            }
            if keys.get().is_empty() {
                keys.remove();
            }
        }
    }

    /// The keys that have responses in this group, and perhaps some others.
    pub(super) fn keys(&self, origin: &str, group: &str) -> Vec<CacheKey> {
        let group = self.hash(origin, group);
        let shard = self.shard(group);
        let keys = shard.get(&group).into_iter().flatten();
        keys.map(|(key, _)| key.clone()).collect()
    }

    /// Pairs of a group and a key.
    pub(super) fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values().map(HashMap::len).sum::<usize>()
        };
        self.shards.iter().map(len).sum()
    }

    /// The groups of all these responses, as often as they are named.
    fn all(&self, key: &CacheKey, variants: &[Stored]) -> impl Iterator<Item = u64> {
        let groups = variants.iter().flat_map(|stored| stored.head.groups());
        groups.map(|group| self.hash(key.origin(), group))
    }

    fn hash(&self, origin: &str, group: &str) -> u64 {
        self.hasher.hash_one((origin, group))
    }

    fn shard(&self, group: u64) -> MutexGuard<'_, Shard> {
        let index = group as usize % SHARDS;
        // Nothing under the lock leaves a count half made.
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
