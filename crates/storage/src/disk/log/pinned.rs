//! Segments that were evicted while somebody still had bytes of them to read.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::segment::Segment;

/// They take room on the disk until nobody holds them, so they count, and the oldest are closed
/// when they are too many: who reads those finds [`super::Damaged::Gone`].
#[derive(Debug)]
pub(super) struct Pinned {
    segments: Mutex<VecDeque<Weak<Segment>>>,
    /// Bytes that they may have.
    most: u64,
}

impl Pinned {
    pub(super) fn new(most: u64) -> Self {
        Pinned {
            segments: Mutex::default(),
            most,
        }
    }

    /// Keeps this one open, which is about to be removed.
    pub(super) fn pin(&self, segment: &Arc<Segment>) {
        segment.keep_open();
        let mut segments = self.lock();
        segments.push_back(Arc::downgrade(segment));
        while bytes(&mut segments) > self.most {
            if let Some(oldest) = segments.pop_front().and_then(|oldest| oldest.upgrade()) {
                oldest.close();
            }
        }
    }

    /// Closes all of them: the room is needed now.
    pub(super) fn close(&self) {
        for segment in self
            .lock()
            .drain(..)
            .filter_map(|segment| segment.upgrade())
        {
            segment.close();
        }
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> u64 {
        bytes(&mut self.lock())
    }

    /// Nothing under the lock leaves it half changed.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Weak<Segment>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(segments: &mut VecDeque<Weak<Segment>>) -> u64 {
    segments.retain(|segment| segment.strong_count() > 0);
    let held = segments.iter().filter_map(Weak::upgrade);
    held.map(|segment| segment.length()).sum()
}
