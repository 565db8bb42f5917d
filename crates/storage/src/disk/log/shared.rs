//! What the writer and the readers of a log share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use super::{
    LogConfig, Shed,
    appending::{Put, Record, room_in},
    files::Files,
    folder::{Folder, Named, OpenError},
    format::{ENTRY, HEADER, MAX_KEY, MAX_SEGMENT, MAX_STRETCH},
    queue::{Job, Queue},
    segment::{Segment, Segments},
    state::{Counters, State},
    stretch::Stretch,
};

/// Bytes that a segment has at least.
const LEAST_SEGMENT: u64 = 16 << 10;

pub(super) struct Shared {
    pub(super) config: LogConfig,
    pub(super) files: Arc<dyn Files>,
    pub(super) segments: Segments,
    pub(super) queue: Queue,
    pub(super) counters: Arc<Counters>,
    usable: AtomicBool,
}

impl Shared {
    pub(super) fn new(mut config: LogConfig, files: Arc<dyn Files>) -> Self {
        let most = (config.size / 4).clamp(LEAST_SEGMENT, MAX_SEGMENT);
        config.segment = config.segment.clamp(LEAST_SEGMENT, most);
        Shared {
            queue: Queue::new(config.queue),
            config,
            files,
            segments: Segments::default(),
            counters: Arc::default(),
            usable: AtomicBool::new(true),
        }
    }

    /// Takes the segments of a folder in place of all that were known, but keeps those open that
    /// are the same.
    pub(super) fn adopt(&self, folder: &Folder) {
        let known = |named: &Named| {
            let segment = self.segments.get(named.seq)?;
            (segment.store == folder.store).then_some(segment)
        };
        let new = |named: &Named| {
            let (seq, path, length) = (named.seq, named.path.clone(), named.length);
            Arc::new(Segment::new(&self.files, folder.store, seq, path, length))
        };
        let segments = folder.found.iter();
        let segments: Vec<_> = segments
            .map(|named| known(named).unwrap_or_else(|| new(named)))
            .collect();
        self.segments.replace(segments.into_iter());
    }

    pub(super) fn push(&self, job: Job, bytes: u64) -> Result<(), Shed> {
        if !self.usable.load(Acquire) && !matches!(job, Job::Tell(_)) {
            return Err(self.counters.shed(Shed::Unusable));
        }
        let pushed = self.queue.push(job, bytes);
        pushed.map_err(|shed| self.counters.shed(shed))
    }

    /// Whether a record fits into an empty segment.
    pub(super) fn fits(&self, record: &Record<'_>) -> bool {
        self.fits_length(record.key.len(), record.data_length())
    }

    pub(super) fn fits_length(&self, key: usize, data: usize) -> bool {
        // More than the table, the footer's entry and the alignment take.
        let around = (HEADER + ENTRY + 256) as u64;
        let room = room_in(self.config.segment);
        key <= MAX_KEY && data <= MAX_STRETCH && (key + data) as u64 + around <= room
    }

    pub(super) fn stretch(&self, segment: Arc<Segment>, put: Put, length: usize) -> Stretch {
        let (offset, length) = (put.place.offset, length as u32);
        Stretch::new(segment, offset, length, Some(put.table), &self.counters)
    }

    /// Removes a segment. Who reads it reads on.
    pub(super) fn remove(&self, segment: &Segment) {
        self.segments.remove(segment.seq);
        if let Err(error) = self.files.remove(&segment.path) {
            // It is found again, as one of the oldest, when the folder is next taken.
            tracing::debug!(%error, ?segment, "a segment of the disk could not be removed");
        }
    }

    /// Takes nothing more to be written, for now.
    pub(super) fn unusable(&self, error: &OpenError) {
        Counters::add(&self.counters.write_errors, 1);
        self.usable.store(false, Release);
        if self.counters.unusable(error.to_string()) {
            let folder = self.config.folder.display();
            tracing::warn!(%error, %folder, "the disk cannot be written to: it is tried again");
        }
    }

    pub(super) fn usable(&self) {
        self.usable.store(true, Release);
        if self.counters.usable() {
            let folder = self.config.folder.display();
            tracing::info!(%folder, "the disk can be written to again");
        }
    }

    pub(super) fn state(&self) -> State {
        let counters = &self.counters;
        State {
            segments: self.segments.len() as u64,
            bytes: self.segments.bytes(),
            capacity: self.config.size,
            queued: self.queue.bytes(),
            queue: self.queue.capacity(),
            written: counters.written.load(Relaxed),
            readmitted: counters.readmitted.load(Relaxed),
            evicted: counters.evicted.load(Relaxed),
            shed: counters.shed.load(Relaxed),
            write_errors: counters.write_errors.load(Relaxed),
            damaged: counters.damaged.load(Relaxed),
            unusable: counters.why_unusable(),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
