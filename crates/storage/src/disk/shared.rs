//! What all who read and write a store on disk share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use perigee_http_cache::CacheKey;

use super::{
    above::Above,
    forgotten::Forgotten,
    index::Index,
    log::{Damaged, Log, Place},
    pending::Pending,
};
use crate::{
    DiskStats, Purges, Revision, Stored, Unusable, Verdict,
    changes::{self, Limits},
};

/// What all share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) log: Log,
    pub(super) index: Index,
    pub(super) pending: Pending,
    pub(super) forgotten: Forgotten,
    pub(super) purges: Arc<Purges>,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
    revisions: Revisions,
    above: OnceLock<Weak<dyn Above>>,
}

/// Counted since start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Lookups that found something.
    pub(super) hits: AtomicU64,
    /// Segments that were there at start, and how many of them are loaded.
    pub(super) to_load: AtomicU64,
    pub(super) loaded: AtomicU64,
    /// Keys whose segment went.
    pub(super) evicted: AtomicU64,
}

impl Shared {
    pub(super) fn new(log: Log, purges: Arc<Purges>, limits: Limits) -> Self {
        Shared {
            log,
            index: Index::new(),
            pending: Pending::new(),
            forgotten: Forgotten::default(),
            purges,
            limits,
            counters: Counters::default(),
            revisions: Revisions::default(),
            above: OnceLock::new(),
        }
    }

    /// There is a tier above from now on.
    pub(super) fn is_below(&self, above: Weak<dyn Above>) {
        // A second one would be told nothing: there is none.
        let _ = self.above.set(above);
    }

    /// The tier above, if there is one.
    pub(super) fn above(&self) -> Option<Arc<dyn Above>> {
        self.above.get()?.upgrade()
    }

    /// What purges have left of the responses of a key: checked up to now, all of them.
    pub(super) fn judged(&self, key: &CacheKey, stored: Vec<Stored>) -> Vec<Stored> {
        let now = self.purges.now();
        let judge = |stored: Stored| {
            if stored.checked >= now {
                return Some(stored);
            }
            let verdict = self.purges.verdict(key, Some(&stored.head), stored.checked);
            let judged = match verdict {
                Verdict::Holds => Some(stored),
                verdict => changes::judged(&stored, verdict),
            };
            judged.map(|stored| Stored {
                checked: now,
                ..stored
            })
        };
        stored.into_iter().filter_map(judge).collect()
    }

    /// How many there are, those on their way among them. Not one is counted twice: what is on its
    /// way is counted last, for it moves from there into the index.
    pub(super) fn keys(&self) -> u64 {
        let there = self.index.len();
        let mut new = 0;
        self.pending.each(|key| {
            new += u64::from(self.index.peek(key.stable_hash()).is_none());
        });
        there + new
    }

    /// Forgets a key, which was purged.
    pub(super) fn forget(&self, key: &CacheKey) {
        let hash = key.stable_hash();
        // In this order: what is being written just now finds that it is not to be there.
        self.pending.forget(hash, key);
        self.index.remove(hash);
    }

    /// Forgets a record that could not be read.
    pub(super) fn is_lost(&self, hash: u64, place: Place, why: Damaged) {
        self.index.remove_at(hash, place);
        tracing::debug!(%why, ?place, "a key on disk is lost");
    }

    /// How it is doing.
    pub(super) fn stats(&self) -> DiskStats {
        let (state, counters) = (self.log.state(), &self.counters);
        DiskStats {
            keys: self.keys(),
            bytes: state.bytes,
            capacity: state.capacity,
            index_bytes: self.index.bytes(),
            segments: state.segments,
            is_loading: self.index.is_loading(),
            segments_to_load: counters.to_load.load(Relaxed),
            segments_loaded: counters.loaded.load(Relaxed),
            segments_evicted: state.evicted,
            hits: counters.hits.load(Relaxed),
            queued: state.queued,
            queue_capacity: state.queue,
            written: state.written,
            readmitted: state.readmitted,
            shed: state.shed,
            write_errors: state.write_errors,
            damaged: state.damaged,
            unusable: state.unusable.map(|(since, why)| Unusable { since, why }),
        }
    }

    /// The purge up to which all that is on disk was checked, at least.
    pub(super) fn checked(&self) -> Revision {
        let lowest = self.revisions.lowest();
        lowest.unwrap_or_else(|| self.purges.now())
    }

    /// A key's record is there in which a response was checked up to this purge only.
    pub(super) fn note_checked(&self, place: Place, revision: u64) {
        self.revisions.note(place.segment, revision);
    }

    /// All records of a segment are gone.
    pub(super) fn is_gone(&self, segment: u64) {
        self.revisions.forget_up_to(segment);
    }
}

/// For each segment the lowest revision up to which a response in it was checked.
#[derive(Debug, Default)]
struct Revisions(Mutex<BTreeMap<u64, u64>>);

impl Revisions {
    fn note(&self, segment: u64, revision: u64) {
        let mut by_segment = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lowest = by_segment.entry(segment).or_insert(revision);
        *lowest = revision.min(*lowest);
    }

    fn forget_up_to(&self, segment: u64) {
        let mut by_segment = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *by_segment = by_segment.split_off(&segment.saturating_add(1));
    }

    fn lowest(&self) -> Option<Revision> {
        let by_segment = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        by_segment.values().min().copied().map(Revision::new)
    }
}
