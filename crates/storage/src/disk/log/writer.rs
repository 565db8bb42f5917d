//! The one thread that writes.

mod jobs;
mod pause;
mod rolling;
mod syncing;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    Shared,
    appending::{Appending, Put, Record},
    eviction::Keeper,
    folder::{Folder, OpenError},
    queue::Next,
    segment::Segment,
    state::Counters,
};
use pause::Pause;
use rolling::is_full;
use syncing::Syncing;

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    keeper: Box<dyn Keeper>,
    folder: Option<Folder>,
    appending: Option<Appending>,
    next_seq: u64,
    pause: Option<Pause>,
    syncing: Syncing,
    /// What went wrong while a segment was being evicted.
    broken: Option<io::Error>,
    /// Bytes that may still be written anew into the segment that is being written.
    readmit_left: u64,
    is_full_known: bool,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        folder: Option<Folder>,
        keeper: Box<dyn Keeper>,
    ) -> Self {
        let next_seq = shared.segments.newest().map_or(1, |seq| seq + 1);
        let pause = folder
            .is_none()
            .then(|| Pause::after(None, &shared.config.pause));
        Writer {
            syncing: Syncing::start(&shared.counters),
            shared,
            keeper,
            folder,
            appending: None,
            next_seq,
            pause,
            broken: None,
            readmit_left: 0,
            is_full_known: false,
        }
    }

    /// Works until the queue is closed and empty. Should a change of a key panic, this ends too, and
    /// all that waits is lost.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        if catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            let error = io::Error::other("its writer has failed, and a restart is needed");
            shared.unusable(&error.into());
        }
        shared.lose_all();
    }

    fn serve(&mut self) {
        loop {
            let patience = self.pause.map(Pause::left);
            let is_time = patience.is_some_and(|left| left.is_zero());
            if is_time && !self.shared.queue.is_closed() {
                self.try_again();
                continue;
            }
            match self.shared.queue.next(patience) {
                Next::Job { job, bytes } => {
                    self.work(job);
                    self.shared.queue.done(bytes);
                }
                Next::TimeIsUp => {}
                Next::Closed => break,
            }
        }
        self.seal();
    }

    /// Bytes that are left for records in the segment that is being written.
    pub(super) fn left(&self) -> u64 {
        self.appending.as_ref().map_or(0, Appending::left)
    }

    pub(super) fn appending(&self) -> Option<&Appending> {
        self.appending.as_ref()
    }

    /// Begins another segment if this one has no room for as much. Whether there is room then.
    fn make_room(&mut self, bytes: u64) -> bool {
        if bytes <= self.left() {
            return true;
        }
        self.seal();
        match self.begin() {
            Ok(()) => bytes <= self.left(),
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    /// Writes a record that fits. After an error nothing more goes into its segment; a full disk
    /// is made room on, and another error is waited out.
    fn write(&mut self, record: &Record<'_>) -> Option<(Put, Arc<Segment>)> {
        match self.put(record) {
            Ok(put) => Some(put),
            Err(error) if is_full(&error) && self.evict(0) => {
                self.note_full();
                Counters::add(&self.shared.counters.write_errors, 1);
                None
            }
            Err(error) => {
                self.fail(&error.into());
                None
            }
        }
    }

    /// Writes a record that fits. After an error nothing more goes into its segment.
    fn put(&mut self, record: &Record<'_>) -> io::Result<(Put, Arc<Segment>)> {
        let appending = self.appending.as_mut();
        let appending = appending.ok_or(io::ErrorKind::NotFound)?;
        let segment = Arc::clone(&appending.segment);
        match appending.put(record) {
            Ok(put) => {
                Counters::add(&self.shared.counters.written, put.length.into());
                Ok((put, segment))
            }
            Err(error) => {
                self.seal();
                Err(error)
            }
        }
    }

    /// The same for what is written anew while a segment is being evicted.
    pub(super) fn readmit(&mut self, record: &Record<'_>) -> Option<(Put, Arc<Segment>)> {
        match self.put(record) {
            Ok(put) => {
                Counters::add(&self.shared.counters.readmitted, put.0.length.into());
                self.readmit_left = self.readmit_left.saturating_sub(put.0.length.into());
                Some(put)
            }
            Err(error) => {
                self.broken.get_or_insert(error);
                None
            }
        }
    }

    /// Leaves the disk alone for a while, after an error.
    fn fail(&mut self, error: &OpenError) {
        self.seal();
        self.shared.unusable(error);
        self.pause = Some(Pause::after(self.pause, &self.shared.config.pause));
    }

    fn try_again(&mut self) {
        if let Err(error) = self.begin() {
            return self.fail(&error);
        }
        self.pause = None;
        self.shared.usable();
    }
}
