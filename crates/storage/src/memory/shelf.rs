//! Where complete responses stand, by key, and the right to put one there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use moka::{notification::RemovalCause, policy::EvictionPolicy, sync::Cache};
use perigee_http_cache::{CacheKey, StoredHead};

use super::{
    groups::Groups,
    under_way::{Doom, UnderWay},
    weight,
};
use crate::{Stats, Stored, Variants};

/// The cache evicts some time after an insertion. It is told to after this share of the capacity
/// has been inserted, so that large objects in a row do not take memory that is not there.
const SETTLE_SHARE: u64 = 64;

/// Complete responses, newest first under each key.
pub(crate) struct Shelf {
    cache: Cache<CacheKey, Variants>,
    under_way: UnderWay,
    groups: Arc<Groups>,
    /// What a key without responses has; shared, so that a miss allocates nothing.
    none: Variants,
    capacity: u64,
    variants_per_key: usize,
    /// Bytes inserted since the cache last evicted.
    unsettled: AtomicU64,
    evicted: Arc<AtomicU64>,
}

impl Shelf {
    pub(super) fn new(capacity: u64, variants_per_key: usize) -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&evicted);
        let groups = Arc::new(Groups::new());
        let grouped = Arc::clone(&groups);
        let cache = Cache::builder()
            .max_capacity(capacity / weight::UNIT)
            .weigher(weight::in_units)
            // The other policy, TinyLFU, wants a newcomer to be asked for more often than all those
            // together that must make room for it: among small objects no large one ever gets in.
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |key, variants: Variants, cause| {
                grouped.count_out(&key, &variants);
                if cause == RemovalCause::Size {
                    count.fetch_add(variants.len() as u64, Relaxed);
                }
            })
            .build();
        Shelf {
            cache,
            under_way: UnderWay::new(),
            groups,
            none: Arc::new([]),
            capacity,
            variants_per_key: variants_per_key.max(1),
            unsettled: AtomicU64::new(0),
            evicted,
        }
    }

    pub(super) fn get(&self, key: &CacheKey) -> Variants {
        self.cache
            .get(key)
            .unwrap_or_else(|| Arc::clone(&self.none))
    }

    /// A fill of `key` begins.
    pub(super) fn begin(shelf: &Arc<Self>, key: &CacheKey, head: &Arc<StoredHead>) -> Ticket {
        Ticket {
            doom: shelf.under_way.shard(key).add(key, head),
            shelf: Arc::clone(shelf),
            key: key.clone(),
        }
    }

    /// Puts `head` in the place of that of `old`, if that is still there.
    pub(super) fn freshen(&self, key: &CacheKey, old: &Stored, head: Arc<StoredHead>) {
        let shard = self.under_way.shard(key);
        let variants = self.get(key);
        let is_old = |stored: &&Stored| Arc::ptr_eq(&stored.head, &old.head);
        let Some(found) = variants.iter().find(is_old) else {
            return;
        };
        let body = found.body.clone();
        let others = variants.iter().filter(|stored| !is_old(stored));
        self.put(key, Stored { head, body }, others);
        drop(shard);
    }

    /// Removes `old` alone, if it is still there.
    pub(super) fn take_away(&self, key: &CacheKey, old: &Stored) {
        let shard = self.under_way.shard(key);
        let variants = self.get(key);
        let is_other = |stored: &&Stored| !Arc::ptr_eq(&stored.head, &old.head);
        let others: Variants = variants.iter().filter(is_other).cloned().collect();
        if others.is_empty() {
            self.cache.remove(key);
        } else if others.len() < variants.len() {
            self.insert(key, others);
        }
        drop(shard);
    }

    /// Removes a key, and keeps fills of it that are under way from being stored.
    pub(super) fn purge(&self, key: &CacheKey) -> u64 {
        let mut shard = self.under_way.shard(key);
        shard.doom(key);
        u64::from(self.cache.remove(key).is_some())
    }

    /// Removes the responses in a group of an origin, and keeps fills of such that are under way
    /// from being stored. Answers with the number of keys that had any.
    pub(super) fn purge_group(&self, origin: &str, group: &str) -> u64 {
        let has_it = |head: &StoredHead| head.groups().any(|g| g == group);
        self.under_way
            .doom_all(|key, head| key.origin() == origin && has_it(head));
        // Whatever was stored before that is in the index by now.
        let keys = self.groups.keys(origin, group).into_iter();
        let purged = keys.filter(|key| {
            let _shard = self.under_way.shard(key);
            let variants = self.get(key);
            let others = variants.iter().filter(|stored| !has_it(&stored.head));
            let others: Vec<_> = others.cloned().collect();
            if key.origin() != origin || others.len() == variants.len() {
                return false;
            }
            if others.is_empty() {
                self.cache.remove(key);
            } else {
                self.insert(key, others.into());
            }
            true
        });
        purged.count() as u64
    }

    pub(super) fn stats(&self) -> Stats {
        self.settle();
        Stats {
            keys: self.cache.entry_count(),
            bytes: self.cache.weighted_size() * weight::UNIT,
            capacity: self.capacity,
            filling_bytes: 0,
            evicted: self.evicted.load(Relaxed),
            grouped: self.groups.len() as u64,
        }
    }

    /// Puts a response in front of the others of its key, in place of those that cannot stay beside
    /// it. The key's shard must be held.
    fn put<'a>(&self, key: &CacheKey, new: Stored, others: impl Iterator<Item = &'a Stored>) {
        let mut bytes = weight::of_stored(&new);
        let mut variants = vec![new];
        for other in others {
            if !other.head.stays_beside(&variants[0].head) {
                continue;
            }
            bytes += weight::of_stored(other);
            if variants.len() == self.variants_per_key || bytes > self.capacity / 2 {
                break;
            }
            variants.push(other.clone());
        }
        self.insert(key, variants.into());
    }

    /// The key's shard must be held.
    fn insert(&self, key: &CacheKey, variants: Variants) {
        self.groups.count_in(key, &variants);
        self.cache.insert(key.clone(), variants);
    }

    /// Notes that `bytes` were inserted; evicts if that is much by now. No shard need be held.
    fn inserted(&self, bytes: u64) {
        let unsettled = self.unsettled.fetch_add(bytes, Relaxed) + bytes;
        if unsettled > self.capacity / SETTLE_SHARE {
            self.settle();
        }
    }

    fn settle(&self) {
        self.unsettled.store(0, Relaxed);
        self.cache.run_pending_tasks();
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The right to store a response under a key, until a purge takes it.
#[derive(Debug)]
pub(crate) struct Ticket {
    shelf: Arc<Shelf>,
    key: CacheKey,
    doom: Doom,
}

impl Ticket {
    /// Whether a purge has come.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doom.load(Relaxed)
    }

    /// As if a purge had come.
    pub(crate) fn forgo(&self) {
        self.doom.store(true, Relaxed);
    }

    /// Stores a complete response; says whether the right to do so still held, and it was not a
    /// part of what is there already.
    pub(crate) fn store(&self, stored: Stored) -> bool {
        let bytes = weight::of_stored(&stored);
        {
            let _shard = self.shelf.under_way.shard(&self.key);
            if self.is_doomed() {
                return false;
            }
            let others = self.shelf.get(&self.key);
            // Another fetch may have brought more meanwhile.
            if others.iter().any(|old| stored.head.yields_to(&old.head)) {
                return false;
            }
            self.shelf.put(&self.key, stored, others.iter());
        }
        self.shelf.inserted(bytes);
        true
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shelf
            .under_way
            .shard(&self.key)
            .remove(&self.key, &self.doom);
    }
}
