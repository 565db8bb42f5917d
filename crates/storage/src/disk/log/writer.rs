//! The one thread that writes.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Shared,
    appending::{Appending, Put, Record, room_in},
    eviction::{Keeper, Readmission},
    folder::{Folder, OpenError},
    queue::{Done, Job, KeyChange, Next, Written},
    segment::Segment,
    state::Counters,
    stretch::Stretch,
};

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    keeper: Box<dyn Keeper>,
    folder: Option<Folder>,
    appending: Option<Appending>,
    next_seq: u64,
    pause: Option<Pause>,
    /// What went wrong while a segment was being evicted.
    broken: Option<io::Error>,
    is_full_known: bool,
}

/// Segments that are evicted at once because the disk is full.
const MAKE_ROOM: usize = 4;

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// The disk is left alone for a while.
#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        folder: Option<Folder>,
        keeper: Box<dyn Keeper>,
    ) -> Self {
        let next_seq = shared.segments.newest().map_or(1, |seq| seq + 1);
        let pause = folder.is_none().then(|| Pause::first(&shared));
        Writer {
            shared,
            keeper,
            folder,
            appending: None,
            next_seq,
            pause,
            broken: None,
            is_full_known: false,
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
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

    fn work(&mut self, job: Job) {
        match job {
            Job::Tell(done) => done(),
            job if self.pause.is_some() => {
                Counters::add(&self.shared.counters.write_errors, 1);
                job.lose();
            }
            Job::Stretch {
                key_hash,
                blocks,
                done,
            } => self.write_stretch(key_hash, &blocks, done),
            Job::Key { key_hash, change } => self.write_key(key_hash, change),
        }
    }

    fn write_stretch(&mut self, key_hash: u64, blocks: &[Bytes], done: Done) {
        let record = Record {
            key_hash,
            revision: 0,
            key: &[],
            blocks,
        };
        let put = self.make_room(record.takes()).then(|| self.write(&record));
        done(
            put.flatten()
                .map(|(put, segment)| self.shared.stretch(segment, put, record.data_length())),
        );
    }

    fn write_key(&mut self, key_hash: u64, mut change: Box<dyn KeyChange>) {
        let written = self.make_key(key_hash, change.as_mut());
        change.written(written);
    }

    fn make_key(&mut self, key_hash: u64, change: &mut dyn KeyChange) -> Option<Written> {
        // A second time if a segment had to be begun for it, or evicted, after it was made.
        loop {
            if !self.make_room(1) {
                return None;
            }
            let new = change.make(self.appending.as_ref()?.place())?;
            let record = Record {
                key_hash,
                revision: new.revision,
                key: &new.payload,
                blocks: &new.blocks,
            };
            if new.payload.is_empty() || !self.shared.fits(&record) {
                return None;
            }
            if record.takes() <= self.left() {
                let (put, _) = self.write(&record)?;
                return Some(Written {
                    place: put.place,
                    length: put.length,
                });
            }
            if !self.make_room(record.takes()) {
                return None;
            }
        }
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
                Some(put)
            }
            Err(error) => {
                self.broken.get_or_insert(error);
                None
            }
        }
    }

    /// Begins a segment, and makes room for the one after it.
    fn begin(&mut self) -> Result<(), OpenError> {
        self.mount()?;
        while self.is_over() && self.evict(0) {}
        let mut created = self.create();
        for _ in 0..MAKE_ROOM {
            let is_full = created.as_ref().is_err_and(is_full);
            if !is_full || !self.evict(0) {
                break;
            }
            self.note_full();
            created = self.create();
        }
        self.appending = Some(created?);
        while self.is_over() && self.shared.segments.len() > 1 {
            if !self.evict(self.shared.config.readmit) {
                break;
            }
        }
        self.broken.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Tells once that there is less room than was configured.
    fn note_full(&mut self) {
        if !std::mem::replace(&mut self.is_full_known, true) {
            let folder = self.shared.config.folder.display();
            tracing::warn!(%folder, "the disk is full: the oldest of the cache makes room");
        }
    }

    /// Whether another segment would be more than there may be.
    fn is_over(&self) -> bool {
        let config = &self.shared.config;
        self.shared.segments.bytes() + config.segment > config.size
    }

    fn create(&mut self) -> io::Result<Appending> {
        let folder = self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let (seq, path) = (self.next_seq, folder.segment(self.next_seq));
        self.next_seq += 1;
        let length = self.shared.config.segment;
        let file = self.shared.files.create(&path, length)?;
        let segment = Segment::new(&self.shared.files, folder.store, seq, path, length);
        let segment = Arc::new(segment.ours(Arc::clone(&file)));
        let begun = Appending::begin(Arc::clone(&segment), file);
        match &begun {
            Ok(_) => self.shared.segments.insert(segment),
            Err(_) => self.shared.remove(&segment),
        }
        begun
    }

    /// Evicts the oldest segment, and lets the keeper write `readmit` bytes of it anew.
    fn evict(&mut self, readmit: u64) -> bool {
        let Some(oldest) = self.shared.segments.oldest() else {
            return false;
        };
        if self
            .appending
            .as_ref()
            .is_some_and(|a| a.segment.seq == oldest.seq)
        {
            return false;
        }
        let mut keeper = std::mem::replace(&mut self.keeper, Box::new(()));
        Readmission::evict(self, keeper.as_mut(), &oldest, readmit);
        self.keeper = keeper;
        true
    }

    /// Sees to it that the folder is there and ours.
    fn mount(&mut self) -> Result<(), OpenError> {
        let shared = &self.shared;
        let files = shared.files.as_ref();
        if self
            .folder
            .as_ref()
            .is_some_and(|folder| folder.is_there(files))
        {
            return Ok(());
        }
        // Its lock first: it would keep us out, too.
        self.folder = None;
        let folder = Folder::open(files, &shared.config.folder)?;
        shared.adopt(&folder);
        let newest = shared.segments.newest().map_or(0, |seq| seq + 1);
        self.next_seq = self.next_seq.max(newest);
        self.folder = Some(folder);
        self.keeper.mounted();
        Ok(())
    }

    /// Ends the segment that is being written. An error here loses nothing that was written: without
    /// a footer the segment is scanned at the next start.
    fn seal(&mut self) {
        let Some(appending) = self.appending.take() else {
            return;
        };
        let segment = Arc::clone(&appending.segment);
        if appending.is_empty() {
            self.shared.remove(&segment);
        } else if let Err(error) = appending.seal() {
            Counters::add(&self.shared.counters.write_errors, 1);
            tracing::debug!(%error, "a segment of the disk could not be sealed");
        }
    }

    /// Leaves the disk alone for a while, after an error.
    fn fail(&mut self, error: &OpenError) {
        self.seal();
        self.shared.unusable(error);
        self.pause = Some(match self.pause {
            None => Pause::first(&self.shared),
            Some(pause) => pause.longer(&self.shared),
        });
    }

    fn try_again(&mut self) {
        if let Err(error) = self.begin() {
            return self.fail(&error);
        }
        self.pause = None;
        self.shared.usable();
    }
}

impl Pause {
    fn first(shared: &Shared) -> Self {
        Self::of(shared.config.pause.start)
    }

    fn longer(self, shared: &Shared) -> Self {
        Self::of((self.length * 2).min(shared.config.pause.end))
    }

    fn of(length: Duration) -> Self {
        let until = Instant::now() + length;
        Pause { until, length }
    }

    fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}
