//! A log of records on disk: what is written to it can be read at once, and is found again at the
//! next start. It knows nothing of what is in its records.
//!
//! # Where things are
//!
//! ```text
//! folder/LOCK                        held (flock) while a process uses the folder
//! folder/store.toml                  format version, and the id of the store
//! folder/segment-0000000000000001    oldest
//! folder/segment-0000000000000002    ...
//!
//! segment:  header | record | record | ... | footer         fixed size, written from front to end
//! record:   header | checksums of blocks | key's payload | blocks of a body
//!           \________ front: one checksum _____________/   \_ one checksum per 64 KiB _/
//! footer:   an entry per record | trailer                   only of a segment that is sealed
//! ```
//!
//! A record has the state of a key, or up to 1 MiB of a body, or both: then one read brings both.
//! Byte by byte: docs/disk-format.md.
//!
//! # Who does what
//!
//! - [`Log::open`] takes the folder; [`Log::start`] begins to write; [`Log::recover`] tells what was
//!   there, from the newest record of a key to the oldest.
//! - [`Log::write`] takes bytes of a body and brings a [`Stretch`]. [`Log::append_key`] takes a
//!   [`KeyChange`], which makes the key's new state on the writer's thread, and is told its
//!   [`Place`] there: so no two changes of a key ever race.
//! - [`Log::read_key`] and [`Stretch::read`] verify what they read. [`Log::read_key_now`] and
//!   [`Stretch::read_now`] do not wait: they give what is in the page cache.
//! - A [`Keeper`] is told before the oldest segment goes, and may write some of it anew.
//!
//! # What survives
//!
//! - The process being killed, at any moment: all that was written ([`KeyChange::written`] has been
//!   called), since the kernel has it.
//! - A power loss: each segment that was sealed and synced (fdatasync), and what the kernel had
//!   written of the others, which are the one that is being written and up to two before it.
//!   Checksums find what is missing. Nothing but a thread of its own waits for a sync.
//! - A damaged disk: each record by itself. What does not verify is counted and never given.
//!
//! # When it fails
//!
//! A record that cannot be written is lost, and nothing more goes into its segment. The disk is then
//! left alone for a pause that doubles with each failure; until it is over [`Shed::Unusable`] is all
//! that comes. A full disk costs the oldest segment, and no pause. A folder that cannot be used
//! at start is tried again in the same way.

mod appending;
mod buffers;
mod eviction;
pub(crate) mod files;
mod folder;
mod format;
mod key;
mod open;
mod pinned;
mod place;
mod queue;
mod recovery;
mod segment;
mod segments;
mod shared;
mod state;
mod stretch;
mod writer;

pub(crate) use eviction::{Keeper, Leaving, Readmission};
pub(crate) use files::{File, Files, RealFiles, write_full};
pub use folder::OpenError;
pub(crate) use format::{BLOCK, MAX_STRETCH};
pub(crate) use key::KeyRecord;
pub(crate) use place::{Damaged, Place, Shed};
pub(crate) use queue::{Done, KeyChange, NewKey, Written};
pub(crate) use recovery::{Found, Recovery};
pub(crate) use state::State;
pub(crate) use stretch::Stretch;

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Acquire},
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;

use folder::Folder;
use queue::Job;
use segment::{Segment, Whence};
use shared::Shared;
use writer::Writer;

/// Bytes that anything takes of the queue beside its own.
const JOB: u64 = 256;

/// How a log is kept.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    /// Where its files are; made if it is not there.
    pub(crate) folder: PathBuf,
    /// Bytes that all segments may have.
    pub(crate) size: u64,
    /// Bytes of one segment: a quarter of `size` at most.
    pub(crate) segment: u64,
    /// Bytes that may wait to be written.
    pub(crate) queue: u64,
    /// Bytes that may be written anew into each segment, of those that go for it: half of `segment`
    /// at most.
    pub(crate) readmit: u64,
    /// How long the disk is left alone after a failure: at first, and at most.
    pub(crate) pause: Range<Duration>,
}

/// A log. Its files are closed, and the lock goes, when it is dropped: after all that was queued is
/// written.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    /// What the writer begins with.
    folder: Mutex<Option<Folder>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What was in the folder, by the names of its files alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Segments.
    pub(crate) segments: u64,
    /// Bytes of their files.
    pub(crate) bytes: u64,
}

impl Log {
    /// Takes the folder. A folder that cannot be used now is no error: it is tried again.
    ///
    /// # Errors
    /// [`OpenError::UnknownFormat`] and [`OpenError::Locked`].
    pub(crate) fn open(
        config: LogConfig,
        files: Arc<dyn Files>,
    ) -> Result<(Log, Recovered), OpenError> {
        let shared = Arc::new(Shared::new(config, files));
        let folder = match Folder::open(shared.files.as_ref(), &shared.config.folder) {
            Ok(folder) => {
                shared.adopt(&folder);
                Some(folder)
            }
            Err(OpenError::Unusable(error)) => {
                shared.unusable(&error.into());
                None
            }
            Err(error) => return Err(error),
        };
        let recovered = Recovered {
            segments: shared.segments.len() as u64,
            bytes: shared.segments.bytes(),
        };
        let log = Log {
            shared,
            folder: Mutex::new(folder),
            thread: Mutex::default(),
        };
        Ok((log, recovered))
    }

    /// Begins to write. What was queued before this waits for it. Does nothing a second time.
    ///
    /// # Errors
    /// The process may have no more threads.
    pub(crate) fn start(&self, keeper: Box<dyn Keeper>) -> std::io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() {
            return Ok(());
        }
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = Writer::new(Arc::clone(&self.shared), folder.take(), keeper);
        let builder = std::thread::Builder::new().name("perigee-disk".to_owned());
        *thread = Some(builder.spawn(move || writer.run())?);
        Ok(())
    }

    /// Queues consecutive bytes of one body, [`MAX_STRETCH`] at most, in pieces of [`BLOCK`] bytes
    /// but for the last (others cost a copy). `done` is called on the writer's thread once they can
    /// be read from the disk, or are lost.
    ///
    /// # Errors
    /// Nothing was queued, and `done` will not be called.
    pub(crate) fn write(&self, key_hash: u64, blocks: Vec<Bytes>, done: Done) -> Result<(), Shed> {
        let length = blocks.iter().map(Bytes::len).sum();
        if length == 0 || length > MAX_STRETCH || !self.shared.fits_length(0, length) {
            return Err(self.shared.counters.shed(Shed::TooLong));
        }
        let job = Job::Stretch {
            key_hash,
            blocks,
            done,
        };
        self.shared.push(job, length as u64 + JOB)
    }

    /// Queues a change of a key's state that holds about `bytes` of memory. Changes and stretches
    /// are written in the order in which they were queued.
    ///
    /// # Errors
    /// Nothing was queued, and no method of `change` will be called.
    pub(crate) fn append_key(
        &self,
        key_hash: u64,
        bytes: u64,
        change: Box<dyn KeyChange>,
    ) -> Result<(), Shed> {
        self.shared.push(Job::Key { key_hash, change }, bytes + JOB)
    }

    /// Calls `done` on the writer's thread when all that was queued before is written, or lost.
    pub(crate) fn tell(&self, done: Box<dyn FnOnce() + Send>) {
        // The queue is closed only when the log is dropped, and then nobody can ask.
        let _ = self.shared.push(Job::Tell(done), 0);
    }

    /// Bytes of a body that a key's state names. `None` if their segment is not there any more, or some
    /// of them could not be read.
    /// Nothing is read: whether they are what they should be is found when they are.
    pub(crate) fn stretch(&self, place: Place, length: u32) -> Option<Stretch> {
        let segment = self.shared.segments.get(place.segment)?;
        if segment.is_bad(place.offset) {
            return None;
        }
        let counters = &self.shared.counters;
        Some(Stretch::new(segment, place.offset, length, None, counters))
    }

    /// Bytes of a body that one record may have here: [`MAX_STRETCH`], or less in small segments, of
    /// which each holds several.
    pub(crate) fn max_stretch(&self) -> usize {
        let half = (self.shared.config.segment / 2) as usize;
        (half - half % BLOCK).clamp(BLOCK / 16, MAX_STRETCH)
    }

    /// Whether the segment of this place is still there.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.shared.segments.get(place.segment).is_some()
    }

    /// Whether anything was found damaged since the start: else no stretch is bad.
    pub(crate) fn has_damage(&self) -> bool {
        self.shared.counters.damaged.load(Acquire) > 0
    }

    /// Whether the segment of these bytes is still there.
    pub(crate) fn has_stretch(&self, stretch: &Stretch) -> bool {
        let segment = self.shared.segments.get(stretch.place().segment);
        segment.is_some_and(|segment| stretch.is_in(&segment))
    }

    /// A key's state, and what stands in the same record. Does not block: `None` if it is not in the
    /// page cache.
    ///
    /// # Errors
    /// [`Damaged`]: it is lost. It has been counted.
    pub(crate) fn read_key_now(
        &self,
        place: Place,
        length_hint: u32,
    ) -> Result<Option<KeyRecord>, Damaged> {
        self.key(place, length_hint, Whence::PageCache)
    }

    /// The same, and waits for the disk: blocks the thread.
    ///
    /// # Errors
    /// [`Damaged`]: it is lost. It has been counted.
    pub(crate) fn read_key(&self, place: Place, length_hint: u32) -> Result<KeyRecord, Damaged> {
        let record = self.key(place, length_hint, Whence::Disk)?;
        record.ok_or(Damaged::Gone)
    }

    fn key(&self, place: Place, hint: u32, whence: Whence) -> Result<Option<KeyRecord>, Damaged> {
        let segment: Option<Arc<Segment>> = self.shared.segments.get(place.segment);
        let segment = segment.ok_or(Damaged::Gone)?;
        let record = key::read_key(&segment, place.offset, hint as usize, whence);
        self.shared.counters.read(&record);
        record
    }

    /// Tells of all keys' records that were there when the folder was taken, the newest of a key
    /// before its older ones. What is evicted meanwhile is left out. Blocks the thread.
    pub(crate) fn recover(&self, mut visit: impl FnMut(Found)) -> Recovery {
        let recovery = recovery::recover(&self.shared, &mut visit);
        self.shared.counters.found_damaged(recovery.damaged);
        recovery
    }

    /// How it is doing.
    pub(crate) fn state(&self) -> State {
        self.shared.state()
    }
}

impl Log {
    /// Takes nothing more to be written, and waits until all that was queued is. Not to be called on
    /// the writer's thread.
    pub(crate) fn close(&self) {
        self.shared.queue.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A change of a key may be the last to hold the log.
        let is_other =
            |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = thread.filter(is_other) {
            // A change of a key that panicked has ended it already.
            let _ = thread.join();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
pub(crate) mod tests;
