//! Lookups that count as requests.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use perigee_http_cache::CacheKey;

use super::{
    Index,
    copies::{self, Copied},
    entry::Found,
    shard::Shard,
};
use crate::{Revision, memory::held::Held};

/// Lookups in a shard after which the clock is told.
const TELL_CLOCK: u64 = 16;

impl Index {
    /// What is stored under a key, and the purge that it was checked up to. Counts as a request for
    /// it.
    pub(in crate::memory) fn get(&self, key: &CacheKey) -> Option<(Held, Revision)> {
        let hash = key.stable_hash();
        let mut shard = self.shard(hash);
        self.asked(&mut shard, 1);
        let place = shard.find(hash, key.as_str().as_bytes())?;
        let found = shard.get(place)?;
        let found = (found.held(), found.entry.checked);
        self.found(&mut shard, place, 1);
        Some(found)
    }

    /// Shows what is stored under the key of this text. Counts as a request for it if `serve` says so,
    /// which is handed back.
    pub(in crate::memory) fn at_once(
        &self,
        key: &[u8],
        serve: impl FnOnce(Found<'_>) -> bool,
    ) -> bool {
        let hash = CacheKey::stable_hash_of(key);
        if let Some(mut copy) = copies::take(self.number, hash) {
            let is_good = copy.generation == self.generation(hash).load(Acquire);
            if is_good && copy.found().view().is_of(key) {
                let is_served = serve(copy.found());
                if is_served && copy.hits(1) {
                    self.count(&mut copy);
                }
                self.keep(copy);
                return is_served;
            }
            self.count(&mut copy);
        }
        let (mut shard, had_to_wait) = self.shard_and_wait(hash);
        let Some((place, found)) = shard.look(hash, key) else {
            return false;
        };
        let copy = had_to_wait.then(|| {
            let generation = self.generation(hash).load(Relaxed);
            Copied::of(found, self.number, generation)
        });
        let is_served = serve(found);
        if is_served {
            self.found(&mut shard, place, 1);
            self.asked(&mut shard, 1);
        }
        drop(shard);
        if let Some(copy) = copy.flatten() {
            self.keep(copy);
        }
        is_served
    }

    /// Counts requests for the key of this text, which were answered as one before them.
    pub(in crate::memory) fn again(&self, key: &[u8], times: u32) {
        let hash = CacheKey::stable_hash_of(key);
        if let Some(mut copy) = copies::take(self.number, hash) {
            if copy.found().view().is_of(key) {
                if copy.hits(times) {
                    self.count(&mut copy);
                }
                return self.keep(copy);
            }
            self.count(&mut copy);
        }
        self.counted(hash, key, times);
    }

    /// Keeps a copy for this thread.
    fn keep(&self, copy: Box<Copied>) {
        let gone = copies::put(copy).filter(|gone| gone.index == self.number);
        if let Some(mut gone) = gone {
            self.count(&mut gone);
        }
    }

    /// Counts the hits of a copy as requests.
    fn count(&self, copy: &mut Copied) {
        let (hash, hits) = (copy.hash(), std::mem::take(&mut copy.hits));
        if hits > 0 {
            self.counted(hash, copy.found().view().key_text(), hits);
        }
    }

    /// Counts requests for a key, which found it.
    fn counted(&self, hash: u64, key: &[u8], times: u32) {
        let mut shard = self.shard(hash);
        self.asked(&mut shard, times);
        match shard.find(hash, key) {
            Some(place) => self.found(&mut shard, place, times),
            None => shard.found += u64::from(times),
        }
    }

    /// Counts requests for this entry.
    fn found(&self, shard: &mut Shard, place: usize, times: u32) {
        shard.found += u64::from(times);
        let now = self.clock.now();
        shard.change(place, |entry| {
            entry.heat = (0..times).fold(entry.heat, |heat, _| heat.again(now));
            entry.hits = entry.hits.saturating_add(times);
        });
    }

    /// Counts lookups.
    fn asked(&self, shard: &mut Shard, times: u32) {
        let told = shard.asked / TELL_CLOCK;
        shard.asked += u64::from(times);
        let to_tell = shard.asked / TELL_CLOCK - told;
        if to_tell > 0 {
            self.clock.advance(to_tell * TELL_CLOCK, self.keys());
        }
    }
}

#[cfg(test)]
mod tests;
