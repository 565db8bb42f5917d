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
use crate::{
    Entry, Stats, Stored, StoredId, Tiers, Variants,
    changes::{self, Limits},
    fill,
    listing::{Nearest, Place, Walk},
};

/// The cache evicts some time after an insertion. It is told to after this share of the capacity
/// has been inserted, so that large objects in a row do not take memory that is not there.
const SETTLE_SHARE: u64 = 64;

/// Complete responses, newest first under each key.
pub(super) struct Shelf {
    cache: Cache<CacheKey, Variants>,
    under_way: UnderWay,
    groups: Arc<Groups>,
    /// What a key without responses has; shared, so that a miss allocates nothing.
    none: Variants,
    capacity: u64,
    limits: Limits,
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
            limits: Limits {
                variants: variants_per_key.max(1),
                bytes: capacity / 2,
            },
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

    /// Puts `new` in the place of the response with this id, if that is still there.
    pub(super) fn freshen(&self, key: &CacheKey, old: StoredId, new: Stored) {
        let shard = self.under_way.shard(key);
        if let Some(variants) = changes::freshen(&self.get(key), old, new) {
            self.insert(key, variants.into());
        }
        drop(shard);
    }

    /// Removes one response alone, if it is still there.
    pub(super) fn take_away(&self, key: &CacheKey, old: StoredId) {
        let shard = self.under_way.shard(key);
        match changes::remove(&self.get(key), old) {
            Some(others) if others.is_empty() => {
                self.cache.remove(key);
            }
            Some(others) => self.insert(key, others.into()),
            None => {}
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

    /// The next keys behind a place.
    pub(super) fn walk(&self, after: Option<Place>, most: usize) -> Walk<Entry> {
        let mut nearest = Nearest::behind(after, most);
        for (key, variants) in &self.cache {
            nearest.show(Place::of(&key), || entry(CacheKey::clone(&key), variants));
        }
        nearest.end()
    }

    pub(super) fn entry(&self, key: &CacheKey) -> Option<Entry> {
        let variants = self.get(key);
        (!variants.is_empty()).then(|| entry(key.clone(), variants))
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

fn entry(key: CacheKey, variants: Variants) -> Entry {
    Entry {
        key,
        variants,
        tiers: Tiers::MEMORY,
        hits: None,
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
pub(super) struct Ticket {
    shelf: Arc<Shelf>,
    key: CacheKey,
    doom: Doom,
}

impl fill::Ticket for Ticket {
    fn is_doomed(&self) -> bool {
        self.doom.load(Relaxed)
    }

    fn forgo(&self) {
        self.doom.store(true, Relaxed);
    }

    fn store(&self, stored: Stored) -> bool {
        let bytes = weight::of_stored(&stored);
        {
            let _shard = self.shelf.under_way.shard(&self.key);
            if fill::Ticket::is_doomed(self) {
                return false;
            }
            let (old, limits) = (self.shelf.get(&self.key), self.shelf.limits);
            let Some(variants) = changes::put(&old, stored, limits, weight::of_stored) else {
                return false;
            };
            self.shelf.insert(&self.key, variants.into());
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
