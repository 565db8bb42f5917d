//! Where the newest record of each key is: 16 bytes of memory for each, and those that the table
//! keeps free.
//!
//! After a start it fills in the background, from the newest segment to the oldest. What is there
//! already is newer, and wins. So what is removed meanwhile leaves a mark until all is loaded: its
//! older records must not come back.

mod place;

use std::{
    collections::hash_map::Entry,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use perigee_http_cache::ByHash;
use place::{Packed, UNPACKED_WITHIN};

use super::log::{Place, Written};
use crate::listing::{self, Nearest};

/// So many that a table which grows holds up few keys, and not for long. A power of two, for they
/// are in the order of a listing.
const SHARDS: usize = 256;

/// Bytes of the table for each key that it has room for: an entry, and a byte of its own.
const ENTRY: usize = size_of::<(u64, Packed)>() + 1;

type Shard = ByHash<Packed>;

/// Places by the hash of the key.
pub(crate) struct Index {
    shards: Box<[Mutex<Shard>]>,
    /// The newest segment that something is in.
    newest: AtomicU64,
    is_loading: AtomicBool,
}

impl Index {
    /// An empty one, that is yet to be loaded.
    pub(crate) fn new() -> Self {
        Index {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            newest: AtomicU64::new(0),
            is_loading: AtomicBool::new(true),
        }
    }

    /// The place of a key that is asked for.
    pub(crate) fn ask(&self, hash: u64) -> Option<Written> {
        let mut shard = self.shard(hash);
        let packed = shard.get_mut(&hash).filter(|packed| packed.is_place())?;
        packed.count_use();
        Some(packed.unpack(self.newest()))
    }

    /// The place of a key, and how often it was asked for since it was written, up to three.
    pub(crate) fn peek(&self, hash: u64) -> Option<(Written, u8)> {
        let shard = self.shard(hash);
        let packed = shard.get(&hash).filter(|packed| packed.is_place())?;
        Some((packed.unpack(self.newest()), packed.uses()))
    }

    /// Notes that a key is asked for, though it is not looked up here.
    pub(crate) fn touch(&self, hash: u64) {
        if let Some(packed) = self.shard(hash).get_mut(&hash) {
            packed.count_use();
        }
    }

    /// Its newest record has just been written here.
    pub(crate) fn insert(&self, hash: u64, record: Written) {
        self.newest.fetch_max(record.place.segment, Relaxed);
        self.shard(hash).insert(hash, Packed::new(record));
    }

    /// The same, of a key that has changed: how often it was asked for stays.
    pub(crate) fn update(&self, hash: u64, record: Written) {
        self.newest.fetch_max(record.place.segment, Relaxed);
        let mut shard = self.shard(hash);
        let entry = shard.entry(hash).or_insert(Packed::REMOVED);
        *entry = Packed::new(record).used(entry.uses());
    }

    /// A record of it is here. Says whether it is the newest that is known.
    pub(crate) fn load(&self, hash: u64, record: Written) -> bool {
        let newest = self.newest.fetch_max(record.place.segment, Relaxed);
        if newest.saturating_sub(record.place.segment) >= UNPACKED_WITHIN {
            return false;
        }
        match self.shard(hash).entry(hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(Packed::new(record));
                true
            }
        }
    }

    /// Nothing older than what is there is to be loaded of this key.
    pub(crate) fn shut_out(&self, hash: u64) {
        self.shard(hash).entry(hash).or_insert(Packed::REMOVED);
    }

    /// Nothing older is to come: marks of what was removed meanwhile can go.
    pub(crate) fn is_loaded(&self) {
        self.is_loading.store(false, Relaxed);
        for shard in &self.shards {
            lock(shard).retain(|_, packed| packed.is_place());
        }
    }

    /// Whether older records may still be loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.is_loading.load(Relaxed)
    }

    /// Forgets a key; says whether it was known.
    pub(crate) fn remove(&self, hash: u64) -> bool {
        let mut shard = self.shard(hash);
        // Asked under the lock: who has set it takes each of them after that.
        let before = match self.is_loading() {
            true => shard.insert(hash, Packed::REMOVED),
            false => shard.remove(&hash),
        };
        before.is_some_and(|packed| packed.is_place())
    }

    /// Forgets a key if its newest record is still this one.
    pub(crate) fn remove_at(&self, hash: u64, place: Place) -> bool {
        let mut shard = self.shard(hash);
        let newest = self.newest();
        let is_there = |packed: &Packed| {
            let there = packed.is_place().then(|| packed.unpack(newest));
            there.is_some_and(|there| there.place == place)
        };
        if !shard.get(&hash).is_some_and(is_there) {
            return false;
        }
        match self.is_loading() {
            true => shard.insert(hash, Packed::REMOVED),
            false => shard.remove(&hash),
        };
        true
    }

    /// Forgets everything: it is to be loaded anew.
    pub(crate) fn forget_all(&self) {
        self.is_loading.store(true, Relaxed);
        self.shards.iter().for_each(|shard| lock(shard).clear());
    }

    /// Shows the hashes of keys in the order of a listing, from the first that may be behind this
    /// place, until `nearest` has enough.
    pub(crate) fn walk<T>(
        &self,
        after: Option<listing::Place>,
        nearest: &mut Nearest<T>,
        mut key: impl FnMut(u64) -> T,
    ) {
        let first = after.map_or(0, |after| after.shard(SHARDS));
        for shard in self.shards.iter().skip(first) {
            for (hash, _) in lock(shard).iter().filter(|(_, packed)| packed.is_place()) {
                nearest.show(listing::Place::of_hash(*hash), || key(*hash));
            }
            // Those of the next shards are behind all of this one.
            if nearest.is_full() {
                return;
            }
        }
    }

    /// Forgets all that is in segments before this one; says how many keys that were.
    pub(crate) fn remove_before(&self, segment: u64) -> u64 {
        let newest = self.newest();
        let of = |shard: &Mutex<Shard>| {
            let mut shard = lock(shard);
            let before = shard.len();
            shard.retain(|_, p| !p.is_place() || p.unpack(newest).place.segment >= segment);
            (before - shard.len()) as u64
        };
        self.shards.iter().map(of).sum()
    }

    /// Keys.
    pub(crate) fn len(&self) -> u64 {
        let places = |shard: &Shard| shard.values().filter(|packed| packed.is_place()).count();
        match self.is_loading() {
            true => self.sum(places),
            false => self.sum(ByHash::len),
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        // A table is filled to seven eighths.
        self.sum(|shard| shard.capacity() / 7 * 8 * ENTRY)
    }

    fn sum(&self, of: impl Fn(&Shard) -> usize) -> u64 {
        self.shards
            .iter()
            .map(|shard| of(&lock(shard)) as u64)
            .sum()
    }

    fn newest(&self) -> u64 {
        self.newest.load(Relaxed)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[listing::Place::of_hash(hash).shard(SHARDS)])
    }
}

/// Nothing under the lock leaves an entry half made.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
