//! What the writer and the readers of a log share.

use std::{
    fmt,
    path::PathBuf,
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
    folder::{Folder, OpenError},
    format::{ENTRY, HEADER, MAX_KEY, MAX_SEGMENT, MAX_STRETCH},
    open::OpenFiles,
    pinned::Pinned,
    queue::{Job, Next, Queue},
    segment::{Means, Segment},
    segments::Segments,
    state::{Counters, State},
    stretch::Stretch,
};

/// Bytes that a segment has at least.
const LEAST_SEGMENT: u64 = 16 << 10;

/// Files of segments that are open at most.
const OPEN_FILES: usize = 256;

/// This part of all bytes may be of segments that were evicted and are still read.
const PINNED_SHARE: u64 = 8;

pub(super) struct Shared {
    pub(super) config: LogConfig,
    pub(super) files: Arc<dyn Files>,
    pub(super) segments: Segments,
    means: Arc<Means>,
    pub(super) pinned: Pinned,
    pub(super) queue: Queue,
    pub(super) counters: Arc<Counters>,
    usable: AtomicBool,
}

impl Shared {
    pub(super) fn new(mut config: LogConfig, files: Arc<dyn Files>) -> Self {
        let most = (config.size / 4).clamp(LEAST_SEGMENT, MAX_SEGMENT);
        config.segment = config.segment.clamp(LEAST_SEGMENT, most);
        // A new segment is for what is new.
        config.readmit = config.readmit.min(config.segment / 2);
        let means = Means {
            files: Arc::clone(&files),
            open: OpenFiles::new(OPEN_FILES),
            buffers: Arc::default(),
        };
        Shared {
            queue: Queue::new(config.queue),
            means: Arc::new(means),
            pinned: Pinned::new(config.size / PINNED_SHARE),
            config,
            files,
            segments: Segments::default(),
            counters: Arc::default(),
            usable: AtomicBool::new(true),
        }
    }

    /// Takes the segments of a folder in place of all that were known. Who holds one of those reads
    /// on.
    pub(super) fn adopt(&self, folder: &Folder) {
        let segments = folder.found.iter().map(|named| {
            let (seq, path, length) = (named.seq, named.path.clone(), named.length);
            Arc::new(self.segment(folder.store, seq, path, length))
        });
        self.segments.replace(segments);
    }

    /// A segment of the folder.
    pub(super) fn segment(&self, store: u64, seq: u64, path: PathBuf, length: u64) -> Segment {
        Segment::new(&self.means, (store, seq), path, length)
    }

    /// Bytes that segments take of the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.bytes() + self.pinned.bytes()
    }

    pub(super) fn push(&self, job: Job, bytes: u64) -> Result<(), Shed> {
        if !self.usable.load(Acquire) && !matches!(job, Job::Tell(_)) {
            return Err(self.counters.shed(Shed::Unusable));
        }
        let pushed = self.queue.push(job, bytes);
        pushed.map_err(|shed| self.counters.shed(shed))
    }

    /// Takes nothing more, and loses what waits.
    pub(super) fn lose_all(&self) {
        self.queue.close();
        while let Next::Job { job, bytes } = self.queue.next(None) {
            job.lose();
            self.queue.done(bytes);
        }
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
    pub(super) fn remove(&self, segment: &Arc<Segment>) {
        self.segments.remove(segment.seq);
        if Arc::strong_count(segment) > 1 {
            self.pinned.pin(segment);
        }
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
            bytes: self.bytes(),
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
