//! Off memory while it still arrives: what a fill wants of a disk.

use std::fmt;

use bytes::Bytes;

use crate::disk::log::{Done, Shed};

/// Takes one body to disk, stretch by stretch.
pub(crate) trait Spool: fmt::Debug + Send + Sync {
    /// Queues consecutive bytes: full blocks but for the last, [`MAX_STRETCH`] in all at most. Does
    /// not block. What is queued after them is written after them.
    ///
    /// `done` is called once, on any thread: with where they stand, or with `None` if they could not
    /// be written.
    ///
    /// # Errors
    /// [`Shed`]: the disk takes nothing now, and `done` is not called. To be tried again later.
    ///
    /// [`MAX_STRETCH`]: crate::disk::log::MAX_STRETCH
    fn write(&self, blocks: Vec<Bytes>, done: Done) -> Result<(), Shed>;
}
