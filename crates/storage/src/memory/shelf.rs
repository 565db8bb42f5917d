//! Where complete responses stand, by key, and the right to put one there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use perigee_http_cache::{CacheKey, StoredHead};

use super::{
    groups::Groups,
    index::{self, Index, Outcome},
    under_way::{Doom, UnderWay},
    weight,
};
use crate::{
    Entry, Stats, Stored, StoredId, Tiers, Variants,
    changes::{self, Limits},
    fill,
    listing::{Place, Walk},
};

/// Complete responses, newest first under each key.
pub(super) struct Shelf {
    index: Index,
    under_way: UnderWay,
    groups: Groups,
    /// What a key without responses has; shared, so that a miss allocates nothing.
    none: Variants,
    capacity: u64,
    limits: Limits,
    evicted: AtomicU64,
}

impl Shelf {
    pub(super) fn new(capacity: u64, variants_per_key: usize, seed: u64) -> Self {
        Shelf {
            index: Index::new(capacity, seed),
            under_way: UnderWay::new(),
            groups: Groups::new(),
            none: Arc::new([]),
            capacity,
            limits: Limits {
                variants: variants_per_key.max(1),
                bytes: capacity / 2,
            },
            evicted: AtomicU64::new(0),
        }
    }

    pub(super) fn get(&self, key: &CacheKey) -> Variants {
        self.index
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
        let _shard = self.under_way.shard(key);
        self.change(key, |variants| changes::freshen(variants, old, new));
    }

    /// Removes one response alone, if it is still there.
    pub(super) fn take_away(&self, key: &CacheKey, old: StoredId) {
        let _shard = self.under_way.shard(key);
        self.change(key, |variants| changes::remove(variants, old));
    }

    /// Removes a key, and keeps fills of it that are under way from being stored.
    pub(super) fn purge(&self, key: &CacheKey) -> u64 {
        let mut shard = self.under_way.shard(key);
        shard.doom(key);
        let had_any = self.change(key, |old| (!old.is_empty()).then(Vec::new));
        u64::from(had_any)
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
            key.origin() == origin
                && self.change(key, |old| {
                    let others = old.iter().filter(|stored| !has_it(&stored.head));
                    let others: Vec<_> = others.cloned().collect();
                    (others.len() < old.len()).then_some(others)
                })
        });
        purged.count() as u64
    }

    /// The next keys behind a place.
    pub(super) fn walk(&self, after: Option<Place>, most: usize) -> Walk<Entry> {
        self.index.walk(after, most, entry)
    }

    pub(super) fn entry(&self, key: &CacheKey) -> Option<Entry> {
        self.index.look(key, entry)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            keys: self.index.keys(),
            bytes: self.index.bytes(),
            capacity: self.capacity,
            filling_bytes: 0,
            evicted: self.evicted.load(Relaxed),
            grouped: self.groups.len() as u64,
            disk: None,
        }
    }

    /// Says whether anything was changed. The key's shard must be held.
    fn change(
        &self,
        key: &CacheKey,
        change: impl FnOnce(&[Stored]) -> Option<Vec<Stored>>,
    ) -> bool {
        let Outcome {
            is_changed,
            replaced,
            evicted,
        } = self.index.change(key, |old| {
            let new = change(old);
            self.groups.count_in(key, new.as_deref().unwrap_or(&[]));
            new
        });
        self.groups
            .count_out(key, replaced.as_deref().unwrap_or(&[]));
        for (key, variants) in evicted {
            self.groups.count_out(&key, &variants);
            self.evicted.fetch_add(variants.len() as u64, Relaxed);
        }
        is_changed
    }
}

fn entry(entry: &index::Entry) -> Entry {
    Entry {
        key: entry.key.clone(),
        variants: Variants::clone(&entry.variants),
        tiers: Tiers::MEMORY,
        hits: Some(entry.hits.into()),
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
        let _shard = self.shelf.under_way.shard(&self.key);
        let limits = self.shelf.limits;
        !fill::Ticket::is_doomed(self)
            && self.shelf.change(&self.key, |old| {
                changes::put(old, stored, limits, weight::of_stored)
            })
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
