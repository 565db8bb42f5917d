//! Changes in both tiers, and lookups through them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use perigee_http_cache::CacheKey;

use super::{
    locks::{Locks, Moment},
    warming::Warming,
};
use crate::{
    Answer, Body, Disk, DiskStats, Hits, Memory, Purge, Purged, Purges, Revision, Stats, Store,
    Stored, StoredId, Target, Variants,
    changes::{self, Limits},
    disk::{Above, log::Stretch},
};

/// Two tiers.
pub(super) struct Both {
    memory: Memory,
    disk: Disk,
    pub(super) locks: Locks,
    pub(super) warming: Warming,
    /// Lookups that found something on disk alone.
    disk_hits: AtomicU64,
}

impl Both {
    pub(super) fn new(memory: Memory, disk: Disk) -> Self {
        Both {
            memory,
            disk,
            locks: Locks::new(),
            warming: Warming::default(),
            disk_hits: AtomicU64::new(0),
        }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(super) fn purges(&self) -> &Arc<Purges> {
        self.memory.purges()
    }

    pub(super) fn lookup(both: &Arc<Both>, key: &CacheKey) -> Answer<Variants> {
        let variants = both.memory.get(key);
        if !variants.is_empty() && !both.drops_bad(key, &variants) {
            both.warm(key, &variants);
            return Answer::Now(variants);
        }
        // Loaded before the disk is asked: what that answers is as new as this at least.
        let (since, checked) = (both.locks.moment(key), both.purges().now());
        match both.disk.lookup(key) {
            Answer::Now(variants) => {
                both.promote(key, &variants, since, checked);
                Answer::Now(variants)
            }
            Answer::Later(reading) => {
                let (both, key) = (Arc::clone(both), key.clone());
                Answer::Later(Box::pin(async move {
                    let variants = reading.await;
                    both.promote(&key, &variants, since, checked);
                    variants
                }))
            }
        }
    }

    /// Of what memory has with all its bytes: the disk need not be asked, and nothing is to be warmed.
    pub(super) fn at_once(&self, key: &[u8], serve: &mut dyn FnMut(Hits<'_>) -> bool) -> bool {
        !self.disk.has_damage()
            && self.memory.at_once(key, &mut |hits| {
                !hits.iter().any(|hit| hit.is_cold()) && serve(hits)
            })
    }

    /// Drops a key of which some bytes could not be read: the disk tells what is left.
    fn drops_bad(&self, key: &CacheKey, all: &[Stored]) -> bool {
        // Nearly always: a large body has thousands of stretches, and this is asked at each hit.
        if !self.disk.has_damage() {
            return false;
        }
        let mut stretches = all.iter().flat_map(|stored| stored.body.stretches());
        let is_bad = stretches.any(|stretch| stretch.is_bad());
        if is_bad {
            let now = self.purges().now();
            self.memory.change(key, now, 0, |_| Some(Vec::new()));
        }
        is_bad
    }

    /// Puts what the disk has of a key into memory, unless the key has changed meanwhile.
    pub(super) fn promote(
        &self,
        key: &CacheKey,
        variants: &Variants,
        since: Moment,
        checked: Revision,
    ) {
        if variants.is_empty() {
            return;
        }
        self.disk_hits.fetch_add(1, Relaxed);
        let Some(_lock) = self.locks.unchanged(key, since) else {
            return;
        };
        if self.memory.fits(variants) {
            self.memory.put(key, variants, checked);
            self.hold_nothing_gone(key, variants);
        }
    }

    /// Whoever is told that a segment is gone, or that bytes were lost on their way to the disk, finds
    /// what is in memory by then; what is put there later looks by itself.
    fn hold_nothing_gone(&self, key: &CacheKey, all: &[Stored]) {
        let mut stretches = all.iter().flat_map(|stored| stored.body.stretches());
        let is_gone = !stretches.all(|stretch| self.disk.has(&stretch));
        // What nothing waits for any more has been written, or has been lost.
        let is_lost =
            || all.iter().any(|stored| stored.body.is_unwritten()) && !self.disk.is_pending(key);
        if is_gone || is_lost() {
            let now = self.purges().now();
            self.memory.change(key, now, 0, |_| Some(Vec::new()));
        }
    }

    /// Puts a response in front of the others of its key. Whether it is stored, in one tier at least.
    pub(super) fn put(&self, key: &CacheKey, new: &Stored) -> bool {
        let _lock = self.locks.change(key);
        // Whatever is purged from here on is found by the next lookup.
        let now = self.purges().now();
        let Some(new) = self.judged(key, new) else {
            return false;
        };
        // It has not left its claim yet.
        let own = new.body.weight();
        let old = self.memory.peek(key);
        let is_all = !old.is_empty() || !self.disk.may_have(key);
        let limits = self.memory.limits();
        let unbound = Limits {
            bytes: u64::MAX,
            // As the disk has it, so that both make the same of it.
            object: self.disk.max_length(),
            ..limits
        };
        let Some(all) = changes::put(&old, new.clone(), unbound, Memory::weight) else {
            return false;
        };
        if self.disk.put(key, &new) {
            // The disk has others that memory does not have, or more than memory may have: the next
            // lookup finds all of them there.
            let fits = is_all && self.memory.fits(&all);
            let all = if fits { all } else { Vec::new() };
            self.memory.change(key, now, own, |_| Some(all.clone()));
            self.hold_nothing_gone(key, &all);
            return true;
        }
        // The disk has forgotten the key: so this is all there is. What was to go to the disk alone is
        // too large for memory.
        let mut is_put = false;
        self.memory.change(key, now, own, |old| {
            if new.body.is_unwritten() || new.body.is_cold() {
                return None;
            }
            let all = changes::put(old, new, limits, Memory::weight);
            is_put = all.is_some();
            all
        });
        is_put
    }

    /// Puts `new` in the place of the response with this id, if that is still there.
    pub(super) fn freshen(&self, key: &CacheKey, old: &Stored, new: &Stored) {
        let _lock = self.locks.change(key);
        let now = self.purges().now();
        let new = self.judged(key, new);
        match new.clone() {
            Some(new) => self.disk.freshen(key, old, new),
            None => self.disk.remove(key, old),
        };
        self.memory.change(key, now, 0, |all| match new {
            Some(new) => changes::freshen(all, old.id, new),
            None => changes::remove(all, old.id),
        });
    }

    /// Removes one response alone, if it is still there.
    pub(super) fn remove(&self, key: &CacheKey, old: &Stored) {
        let _lock = self.locks.change(key);
        let now = self.purges().now();
        self.disk.remove(key, old);
        self.memory
            .change(key, now, 0, |all| changes::remove(all, old.id));
    }

    /// Puts bytes in memory in the place of those of this response that are on disk.
    pub(super) fn warmed(&self, key: &CacheKey, id: StoredId, body: &Body) {
        let _lock = self.locks.change(key);
        let now = self.purges().now();
        self.memory.change(key, now, body.weight(), |all| {
            let mut all = all.to_vec();
            let cold = all.iter_mut().find(|stored| stored.id == id)?;
            cold.body = body.clone();
            Some(all)
        });
    }

    /// One table knows what is purged in both tiers. A single key is looked up before, to tell
    /// whether it was there, and after, so that its bytes go at once.
    pub(super) fn purge(both: &Arc<Both>, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        let Target::Key(key) = &purge.target else {
            return both.disk.purge(purge, at);
        };
        if !both.memory.peek(key).is_empty() {
            return both.purge_one(key, purge, at, true);
        }
        match both.disk.lookup(key) {
            Answer::Now(found) => both.purge_one(key, purge, at, !found.is_empty()),
            Answer::Later(found) => {
                let (both, key, purge) = (Arc::clone(both), key.clone(), purge.clone());
                Answer::Later(Box::pin(async move {
                    let is_there = !found.await.is_empty();
                    both.purge_one(&key, &purge, at, is_there).get().await
                }))
            }
        }
    }

    fn purge_one(
        self: &Arc<Self>,
        key: &CacheKey,
        purge: &Purge,
        at: SystemTime,
        is_there: bool,
    ) -> Answer<Purged> {
        let (both, key) = (Arc::clone(self), key.clone());
        self.disk.purge(purge, at).map(move |purged| {
            both.memory.peek(&key);
            Purged {
                keys: Some(u64::from(is_there)),
                ..purged
            }
        })
    }

    /// What purges have made of a response on its way. None: it is gone.
    fn judged(&self, key: &CacheKey, new: &Stored) -> Option<Stored> {
        let verdict = self.purges().verdict(key, Some(&new.head), new.checked);
        changes::judged(new, verdict)
    }

    pub(super) fn stats(&self) -> Stats {
        let hits = self.disk_hits.load(Relaxed);
        let disk = self.disk.stats().disk;
        Stats {
            disk: disk.map(|disk| DiskStats { hits, ..disk }),
            ..self.memory.stats()
        }
    }
}

impl fmt::Debug for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Both").finish_non_exhaustive()
    }
}

impl Above for Both {
    fn was_asked_for(&self, key_hash: u64) -> bool {
        self.memory.was_asked_for(key_hash)
    }

    fn was_lost(&self, key: &CacheKey) {
        let now = self.purges().now();
        self.memory.change(key, now, 0, |all| {
            let has_less = all.iter().any(|stored| stored.body.is_unwritten());
            has_less.then(Vec::new)
        });
    }

    fn let_go(&self, is_gone: &dyn Fn(&Stretch) -> bool) {
        self.memory
            .drop_where(|body| body.stretches().any(|stretch| is_gone(&stretch)));
    }
}
