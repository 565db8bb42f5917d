//! What is stored, by key; and what goes, to make room.
//!
//! Each key has one entry in one of a few shards. A lookup takes the lock of its shard for as long
//! as it takes to find the entry, to show what is there and to count the hit; what threads would wait for
//! one another's lookups of, they have copies of ([`copies`]). When there is more than
//! fits, some entries are drawn by lot and the one that is worth the least goes (see
//! [`super::heat`]); a newcomer is always among them. So there is no list that every hit would have
//! to change, and what is asked for once passes through.

mod asking;
mod copies;
mod entry;
mod shard;
mod spot;
mod table;
#[cfg(test)]
mod tests;

pub(super) use entry::{Found, Gone};
pub(super) use spot::Spot;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, TryLockError,
    atomic::{
        AtomicU64,
        Ordering::{Relaxed, Release},
    },
};

use perigee_http_cache::CacheKey;

use super::{
    chunks::{CHUNK, Chunks},
    clock::Clock,
    ghosts::Ghosts,
    heap::Heap,
    heat::Heat,
    held::Held,
};
use crate::{
    Revision, Stored,
    listing::{Nearest, Place, Walk},
};
use shard::Shard;

/// Bytes of capacity, about, for which there is one shard, so that each has many entries to draw from.
const SHARD_BYTES: u64 = 8 << 20;

/// Enough that lookups of different keys seldom meet, and that each is small: while the table of one grows,
/// what is in it waits. A power of two.
const MAX_SHARDS: u64 = 1024;

/// The share of the capacity that goes to what is remembered of keys that are not kept.
const GHOST_SHARE: u64 = 256;

/// Entries by key.
#[derive(Debug)]
pub(super) struct Index {
    /// In the order of [`Place`].
    shards: Box<[Apart]>,
    /// How often each may have been changed, so that copies are known that are not as it is. Apart from them:
    /// who has a copy looks at nothing that hits write.
    generations: Box<[AtomicU64]>,
    /// Which index it is.
    number: u64,
    lots: AtomicU64,
    clock: Clock,
    capacity: u64,
    /// Bytes of all shards, and all that hangs on them.
    used: AtomicU64,
    keys: AtomicU64,
}

/// A shard in cache lines of its own, so that what each hit writes, the lock and the counts of lookups, is in
/// one of them, and nobody else's in it.
#[derive(Debug)]
#[repr(align(64))]
struct Apart(Mutex<Shard>);

/// What a change has done.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Whether anything was changed.
    pub(super) is_changed: bool,
    /// What the key had before, if that was anything.
    pub(super) replaced: Option<Gone>,
    /// Who had to go for it; the key itself, if all others are worth more.
    pub(super) evicted: Vec<Gone>,
}

/// What is worth how much, of what is new.
struct Newcomer<'a> {
    hash: u64,
    key: &'a [u8],
    worth: i64,
}

impl Index {
    /// An empty index for so many bytes, of which the system gives so many from the start. The same seed makes the
    /// same choices.
    pub(super) fn new(capacity: u64, prefault: u64, seed: u64) -> Self {
        let count = (capacity / SHARD_BYTES).clamp(1, MAX_SHARDS);
        let count = (count / 2 + 1).next_power_of_two();
        let ghosts = capacity / GHOST_SHARE / count;
        // Each shard has a chunk that is not full.
        let open = count * CHUNK as u64;
        let chunks = Chunks::prefaulted(capacity + capacity / 2 + 2 * open, prefault);
        let shard = || Shard::new(seed, Ghosts::new(ghosts), Heap::new(Arc::clone(&chunks)));
        let shards: Box<[_]> = (0..count).map(|_| Apart(Mutex::new(shard()))).collect();
        let weight = |shard: &Apart| lock(shard).weight();
        static INDICES: AtomicU64 = AtomicU64::new(0);
        Index {
            generations: shards.iter().map(|_| AtomicU64::new(0)).collect(),
            number: INDICES.fetch_add(1, Relaxed),
            used: AtomicU64::new(shards.iter().map(weight).sum()),
            shards,
            lots: AtomicU64::new(seed),
            clock: Clock::default(),
            capacity,
            keys: AtomicU64::new(0),
        }
    }

    /// What there is of a key, without asking for it.
    pub(super) fn look<T>(&self, key: &CacheKey, look: impl FnOnce(Found<'_>) -> T) -> Option<T> {
        let hash = key.stable_hash();
        let shard = self.shard(hash);
        let place = shard.find(hash, key.as_str().as_bytes())?;
        shard.get(place).map(look)
    }

    /// Whether a key with this hash was asked for since it is here.
    pub(super) fn was_asked_for(&self, hash: u64) -> bool {
        let shard = self.shard(hash);
        shard.twins(hash).any(|entry| entry.hits > 0)
    }

    /// Removes such entries. A look at all of them, shard by shard.
    pub(super) fn drop_where(&self, is_such: impl Fn(Found<'_>) -> bool) {
        for number in 0..self.shards.len() {
            let mut shard = self.shard_to_change(number);
            let before = shard.weight();
            let mut left = shard.numbers();
            while let Some(number) = left.checked_sub(1) {
                left = number;
                let renumbered = shard.renumbered;
                if shard.get(number).is_some_and(&is_such) && shard.remove_at(number).is_some() {
                    self.keys.fetch_sub(1, Relaxed);
                }
                if shard.renumbered != renumbered {
                    left = shard.numbers();
                }
            }
            self.reweigh(before, shard.weight());
        }
    }

    /// What there is of the next keys behind a place.
    pub(super) fn walk<T>(
        &self,
        after: Option<Place>,
        most: usize,
        look: impl Fn(Found<'_>) -> Option<T>,
    ) -> Walk<T> {
        let mut nearest = Nearest::behind(after, most);
        let first = after.map_or(0, |after| after.shard(self.shards.len()));
        for shard in self.shards.iter().skip(first) {
            for found in lock(shard).entries() {
                let place = Place::of_hash(found.entry.hash);
                if nearest.is_wanted(place)
                    && let Some(seen) = look(found)
                {
                    nearest.show(place, || seen);
                }
            }
            if nearest.is_full() {
                break;
            }
        }
        nearest.end()
    }

    /// Puts what `change` makes of the responses of a key in their place: if that is None, they stay
    /// as they are. Nobody else changes them meanwhile. It is told the purge that they were checked
    /// up to; what is there afterwards is checked up to `now`. Then evicts what is too much, beside
    /// bytes that are taken elsewhere.
    pub(super) fn change<All: AsRef<[Stored]>>(
        &self,
        key: &CacheKey,
        now: Revision,
        elsewhere: u64,
        change: impl FnOnce(&[Stored], Revision) -> Option<All>,
    ) -> Outcome {
        let hash = key.stable_hash();
        let mut shard = self.shard_to_change(self.shard_of(hash));
        let before = shard.weight();
        let mut outcome = Outcome::default();
        let place = shard.find(hash, key.as_str().as_bytes());
        let old = place.and_then(|place| shard.get(place));
        let old = old.map(|old| (old.held(), old.entry.checked));
        let new = match &old {
            Some((held, checked)) => {
                let all: Vec<Stored> = held.unpack().collect();
                change(&all, *checked)
            }
            None => change(&[], now),
        };
        if let Some(place) = place {
            shard.change(place, |entry| entry.checked = entry.checked.max(now));
        }
        let Some(new) = new else {
            return outcome;
        };
        let new = Held::pack(key.as_str(), new.as_ref());
        outcome.is_changed = true;
        let (checked, now) = (now, self.clock.now());
        let mut worth = None;
        match (place, new) {
            (Some(place), None) => {
                outcome.replaced = shard.remove_at(place);
                self.keys.fetch_sub(1, Relaxed);
            }
            (None, None) => {}
            (Some(place), Some(new)) => {
                if let Some((weight, old)) = shard.replace(place, new) {
                    worth = Some(old.entry.heat.worth(now, weight));
                    outcome.replaced = Some(old);
                }
            }
            (None, Some(new)) => {
                let heat = shard.remembered(hash);
                let heat = heat.map_or(Heat::first(now), |heat| heat.again(now));
                if let Some(twin) = shard.remove_twin(hash) {
                    outcome.evicted.push(twin);
                    self.keys.fetch_sub(1, Relaxed);
                }
                if let Some(weight) = shard.add(hash, new, checked, heat) {
                    self.keys.fetch_add(1, Relaxed);
                    worth = Some(heat.worth(now, weight));
                }
            }
        }
        self.reweigh(before, shard.weight());
        drop(shard);
        if let Some(worth) = worth {
            let key = key.as_str().as_bytes();
            let newcomer = Newcomer { hash, key, worth };
            outcome.evicted.extend(self.make_room(&newcomer, elsewhere));
        }
        outcome
    }

    /// Evicts until what is held fits. What is taken elsewhere leaves it half of its room at least.
    fn make_room(&self, newcomer: &Newcomer<'_>, elsewhere: u64) -> Vec<Gone> {
        let mut evicted = Vec::new();
        let room = self.capacity - elsewhere.min(self.capacity / 2);
        let (mut newcomer, mut misses) = (Some(newcomer), 0);
        while self.bytes() > room && misses <= self.shards.len() {
            if let Some(gone) = self.evict_one(newcomer) {
                evicted.push(gone);
                continue;
            }
            misses += 1;
            // It may have been drawn itself, or removed meanwhile: then the others must go.
            newcomer =
                newcomer.filter(|new| self.shard(new.hash).find(new.hash, new.key).is_some());
        }
        evicted
    }

    /// Evicts one of a shard drawn by lot, or the newcomer. None if the shard is empty, or the
    /// newcomer gone.
    fn evict_one(&self, newcomer: Option<&Newcomer<'_>>) -> Option<Gone> {
        let now = self.clock.now();
        let drawn = self.draw() as usize % self.shards.len();
        let mut shard = self.shard_to_change(drawn);
        let (place, worth) = shard.coolest(|| self.draw(), now)?;
        let newcomer = newcomer.filter(|newcomer| newcomer.worth <= worth);
        if let Some(newcomer) = newcomer {
            drop(shard);
            shard = self.shard_to_change(self.shard_of(newcomer.hash));
        }
        let before = shard.weight();
        let gone = match newcomer {
            Some(newcomer) => shard.remove(newcomer.hash, newcomer.key)?,
            None => shard.remove_at(place)?,
        };
        self.reweigh(before, shard.weight());
        shard.remember(&gone, now);
        self.keys.fetch_sub(1, Relaxed);
        Some(gone)
    }

    fn reweigh(&self, old: u64, new: u64) {
        self.used.fetch_add(new.wrapping_sub(old), Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.used.load(Relaxed)
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.load(Relaxed)
    }

    /// Lookups that have found something.
    pub(super) fn hits(&self) -> u64 {
        self.shards.iter().map(|shard| lock(shard).found).sum()
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.shard_of(hash)])
    }

    /// The same, and whether somebody else had it.
    fn shard_and_wait(&self, hash: u64) -> (MutexGuard<'_, Shard>, bool) {
        let shard = &self.shards[self.shard_of(hash)];
        match shard.0.try_lock() {
            Ok(shard) => (shard, false),
            Err(TryLockError::Poisoned(shard)) => (shard.into_inner(), false),
            Err(TryLockError::WouldBlock) => (lock(shard), true),
        }
    }

    /// A shard, of which no copy is good from here on.
    fn shard_to_change(&self, number: usize) -> MutexGuard<'_, Shard> {
        let shard = lock(&self.shards[number]);
        self.generations[number].fetch_add(1, Release);
        shard
    }

    fn shard_of(&self, hash: u64) -> usize {
        Place::of_hash(hash).shard(self.shards.len())
    }

    fn generation(&self, hash: u64) -> &AtomicU64 {
        &self.generations[self.shard_of(hash)]
    }

    /// A random number (SplitMix64).
    fn draw(&self) -> u64 {
        let state = self.lots.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Nothing panics under the lock but for want of memory.
fn lock(shard: &Apart) -> MutexGuard<'_, Shard> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}
