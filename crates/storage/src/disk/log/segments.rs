//! The segments that are there.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::segment::Segment;

/// The segments that are there, by number: the lowest is the oldest.
#[derive(Debug, Default)]
pub(super) struct Segments {
    by_seq: RwLock<BTreeMap<u64, Arc<Segment>>>,
}

impl Segments {
    pub(super) fn get(&self, seq: u64) -> Option<Arc<Segment>> {
        self.read().get(&seq).cloned()
    }

    pub(super) fn insert(&self, segment: Arc<Segment>) {
        self.write().insert(segment.seq, segment);
    }

    pub(super) fn remove(&self, seq: u64) {
        self.write().remove(&seq);
    }

    /// Takes others in place of all that are there.
    pub(super) fn replace(&self, segments: impl Iterator<Item = Arc<Segment>>) {
        *self.write() = segments.map(|segment| (segment.seq, segment)).collect();
    }

    pub(super) fn oldest(&self) -> Option<Arc<Segment>> {
        self.read().values().next().cloned()
    }

    /// The number of the newest.
    pub(super) fn newest(&self) -> Option<u64> {
        self.read().keys().next_back().copied()
    }

    /// All of them, newest first.
    pub(super) fn newest_first(&self) -> Vec<Arc<Segment>> {
        self.read().values().rev().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.read().values().map(|segment| segment.length()).sum()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Arc<Segment>>> {
        // Nothing under the lock leaves it half changed.
        self.by_seq.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<u64, Arc<Segment>>> {
        self.by_seq.write().unwrap_or_else(PoisonError::into_inner)
    }
}
