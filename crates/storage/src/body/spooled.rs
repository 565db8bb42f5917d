//! Bytes on their way to disk: in memory until they are there.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Medium, Whole};
use crate::{budget::Claim, disk::log::Stretch};

/// What a full stretch on disk takes of memory: where it is, and a checksum for each block.
const ON_DISK: u64 = 256;

/// Consecutive bytes of a body that are given to the disk while it still arrives. Whoever reads
/// them finds them, before and after they are written.
pub(crate) struct Spooled {
    length: u64,
    place: Mutex<Place>,
}

enum Place {
    /// Still to be written, or it failed. They count as bytes that are arriving.
    Memory {
        whole: Whole,
        claim: Option<Claim>,
    },
    Written(Stretch),
}

impl Spooled {
    /// Not written yet.
    pub(crate) fn new(whole: Whole) -> Self {
        let length = whole.length();
        let place = Mutex::new(Place::Memory { whole, claim: None });
        Spooled { length, place }
    }

    /// Holds on to this claim for as long as they are in memory.
    pub(crate) fn answers_for(&self, claimed: Claim) {
        if let Place::Memory { claim, .. } = &mut *self.lock() {
            *claim = Some(claimed);
        }
    }

    /// They are written, and their memory is free once nobody reads out of it any more.
    pub(crate) fn is_written(&self, stretch: Stretch) {
        debug_assert_eq!(stretch.length(), self.length);
        let before = std::mem::replace(&mut *self.lock(), Place::Written(stretch));
        // Not under the lock: it may be a megabyte.
        drop(before);
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Where they are now: in memory, or on disk.
    pub(crate) fn settled(&self) -> Medium {
        match &*self.lock() {
            Place::Memory { whole, .. } => Medium::Memory(whole.clone()),
            Place::Written(stretch) => Medium::Disk(stretch.clone()),
        }
    }

    /// Bytes of memory that it takes once it is written: the same before, so that who has counted it
    /// need not count again. Those of its body are claimed elsewhere.
    pub(crate) fn weight(&self) -> u64 {
        size_of::<Self>() as u64 + 32 + ON_DISK
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        // Each change is one assignment.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Spooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = matches!(&*self.lock(), Place::Written(_));
        f.debug_struct("Spooled")
            .field("length", &self.length)
            .field("written", &written)
            .finish()
    }
}
