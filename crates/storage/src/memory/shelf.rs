//! Where complete responses stand, by key, and the way to put one there.

use std::{
    borrow::Cow,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use perigee_http_cache::CacheKey;

use super::{
    MemoryConfig, held,
    index::{self, Index, Spot},
};
use crate::{
    Body, Entry, Hits, Purges, Revision, Stats, Stored, StoredId, Tiers, Variants, Verdict,
    budget::Budget,
    changes::{self, Limits},
    fill,
    listing::{Place, Walk},
};

/// Complete responses, newest first under each key.
pub(super) struct Shelf {
    index: Index,
    purges: Arc<Purges>,
    /// What is arriving takes of the same memory.
    arriving: Arc<Budget>,
    /// What a key without responses has; shared, so that a miss allocates nothing.
    none: Variants,
    capacity: u64,
    limits: Limits,
    evicted: AtomicU64,
}

impl Shelf {
    pub(super) fn new(
        config: &MemoryConfig,
        max_object: u64,
        purges: Arc<Purges>,
        arriving: Arc<Budget>,
        seed: u64,
    ) -> Self {
        Shelf {
            index: Index::new(config.capacity, config.prefault, seed),
            purges,
            arriving,
            none: Arc::new([]),
            capacity: config.capacity,
            limits: Limits {
                variants: config.variants_per_key.max(1),
                bytes: config.capacity / 2,
                object: max_object,
            },
            evicted: AtomicU64::new(0),
        }
    }

    pub(super) fn purges(&self) -> &Arc<Purges> {
        &self.purges
    }

    /// What is stored under a key, but for what was purged.
    pub(super) fn get(&self, key: &CacheKey) -> Variants {
        let held = match self.index.get(key) {
            Some((held, checked)) if checked >= self.purges.now() => Some(held),
            Some(_) if self.check(key) => self.index.look(key, |found| found.held()),
            _ => None,
        };
        match held {
            Some(held) => held.unpack().collect(),
            None => Arc::clone(&self.none),
        }
    }

    /// Shows what is stored under a key, if all purges were looked at. See [`crate::Store::at_once`].
    pub(super) fn at_once(&self, key: &[u8], serve: &mut dyn FnMut(Hits<'_>) -> bool) -> bool {
        // Read under the lock: a purge that is carried out before the lookup begins is seen.
        self.index.at_once(key, |found| {
            found.entry.checked >= self.purges.now() && serve(Hits::new(found.view()))
        })
    }

    /// Counts requests that were answered without a lookup of their own. See [`crate::Store::again`].
    pub(super) fn again(&self, key: &[u8], times: u32) {
        self.index.again(key, times);
    }

    /// Brings what is stored under a key up to date; says whether anything is left.
    pub(super) fn check(&self, key: &CacheKey) -> bool {
        let mut is_left = false;
        self.change(key, 0, |old| {
            is_left = !old.is_empty();
            None
        });
        is_left
    }

    /// The next keys of a walk that are not up to date as of `now`; `None` at its end.
    pub(super) fn unchecked(
        &self,
        spot: &mut Spot,
        most: usize,
        now: Revision,
    ) -> Option<Vec<CacheKey>> {
        self.index.unchecked(spot, most, now)
    }

    /// The way to store a response to a fetch of `key`.
    pub(super) fn begin(shelf: &Arc<Self>, key: &CacheKey) -> Ticket {
        Ticket {
            shelf: Arc::clone(shelf),
            key: key.clone(),
        }
    }

    /// Stores a response; says whether that was done: see [`fill::Ticket::store`].
    pub(super) fn store(&self, key: &CacheKey, stored: &Stored) -> bool {
        // It has not left its claim yet.
        let own = stored.body.weight();
        self.change(key, own, |old| {
            let verdict = self.verdict(key, stored);
            if old.is_empty() && verdict == Verdict::Holds {
                return Some(Cow::Borrowed(slice::from_ref(stored)));
            }
            let stored = changes::judged(stored, verdict)?;
            changes::put(old, stored, self.limits, held::weight_of).map(Cow::Owned)
        })
    }

    /// Puts `new` in the place of the response with this id, if that is still there.
    pub(super) fn freshen(&self, key: &CacheKey, old: StoredId, new: &Stored) {
        self.change(key, 0, |variants| {
            let left = match changes::judged(new, self.verdict(key, new)) {
                Some(new) => changes::freshen(variants, old, new),
                None => changes::remove(variants, old),
            };
            left.map(Cow::Owned)
        });
    }

    /// Removes one response alone, if it is still there.
    pub(super) fn take_away(&self, key: &CacheKey, old: StoredId) {
        self.change(key, 0, |all| changes::remove(all, old).map(Cow::Owned));
    }

    /// What is stored under a key, and was not purged. No request for it.
    pub(super) fn peek(&self, key: &CacheKey) -> Vec<Stored> {
        let mut all = Vec::new();
        self.change(key, 0, |old| {
            all = old.to_vec();
            None
        });
        all
    }

    /// Puts these under a key that has none. They are checked up to `checked`.
    pub(super) fn put(&self, key: &CacheKey, all: &[Stored], checked: Revision) {
        self.change_as_of(key, checked, 0, |old| {
            old.is_empty().then_some(Cow::Borrowed(all))
        });
    }

    /// Whether a key with this hash was asked for since it is here.
    pub(super) fn was_asked_for(&self, hash: u64) -> bool {
        self.index.was_asked_for(hash)
    }

    /// Drops keys that have any such body: those that are small are not asked about.
    pub(super) fn drop_where(&self, is_such: impl Fn(&Body) -> bool) {
        self.index
            .drop_where(|found| found.view().large_bodies().any(&is_such));
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// The next keys behind a place.
    pub(super) fn walk(&self, after: Option<Place>, most: usize) -> Walk<Entry> {
        self.index.walk(after, most, |found| self.told(found))
    }

    pub(super) fn entry(&self, key: &CacheKey) -> Option<Entry> {
        self.index.look(key, |found| self.told(found)).flatten()
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            keys: self.index.keys(),
            bytes: self.index.bytes(),
            capacity: self.capacity,
            filling_bytes: 0,
            hits: self.index.hits(),
            evicted: self.evicted.load(Relaxed),
            disk: None,
        }
    }

    /// Puts what `change` makes of what purges have left of the responses of a key in their place.
    /// Says whether it made anything of them. Of what is arriving, `own` is the same bytes.
    fn change<'s>(
        &self,
        key: &CacheKey,
        own: u64,
        change: impl FnOnce(&[Stored]) -> Option<Cow<'s, [Stored]>>,
    ) -> bool {
        // Whatever is purged from here on is found by the next lookup.
        self.change_as_of(key, self.purges.now(), own, change)
    }

    /// The same. Purges up to `now` are not about what it makes.
    pub(super) fn change_as_of<'s>(
        &self,
        key: &CacheKey,
        now: Revision,
        own: u64,
        change: impl FnOnce(&[Stored]) -> Option<Cow<'s, [Stored]>>,
    ) -> bool {
        let mut is_changed = false;
        let elsewhere = self.arriving.used().saturating_sub(own);
        let outcome = self.index.change(key, now, elsewhere, |old, checked| {
            let left = changes::check(&self.purges, key, old, checked);
            let changed = change(left.as_deref().unwrap_or(old));
            is_changed = changed.is_some();
            changed.or(left.map(Cow::Owned))
        });
        for gone in outcome.evicted {
            self.evicted.fetch_add(gone.count as u64, Relaxed);
        }
        is_changed
    }

    /// What purges have made of a response on its way.
    fn verdict(&self, key: &CacheKey, new: &Stored) -> Verdict {
        self.purges.verdict(key, Some(&new.head), new.checked)
    }

    /// What is told of an entry, if purges have left anything of it.
    fn told(&self, found: index::Found<'_>) -> Option<Entry> {
        let (key, entry) = (found.view().key(), found.entry);
        let all = found.held().unpack().collect::<Vec<_>>();
        let left = changes::check(&self.purges, &key, &all, entry.checked);
        let variants: Variants = left.unwrap_or(all).into();
        (!variants.is_empty()).then_some(Entry {
            key,
            variants,
            tiers: Tiers::MEMORY,
            hits: Some(entry.hits.into()),
        })
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The way to store a response under a key.
#[derive(Debug)]
pub(super) struct Ticket {
    shelf: Arc<Shelf>,
    key: CacheKey,
}

impl fill::Ticket for Ticket {
    fn store(&self, stored: Stored) -> bool {
        self.shelf.store(&self.key, &stored)
    }
}
