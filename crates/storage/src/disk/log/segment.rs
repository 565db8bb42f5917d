//! Segments as readers see them, and the table of those that are there.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;

use super::{
    files::{File, Files, read_full},
    format::segment_seed,
    place::Damaged,
};

/// One segment. Readers that hold it read on after it was evicted.
pub(crate) struct Segment {
    pub(super) seq: u64,
    /// The salt of its checksums.
    pub(super) seed: u64,
    /// The store that it is of.
    pub(super) store: u64,
    pub(super) path: PathBuf,
    files: Arc<dyn Files>,
    /// Opened when it is first read.
    file: OnceLock<Arc<dyn File>>,
    /// Bytes of the file.
    length: AtomicU64,
    is_ours: bool,
}

impl Segment {
    /// One that is in the folder. Its file is opened when it is first read.
    pub(super) fn new(
        files: &Arc<dyn Files>,
        store: u64,
        seq: u64,
        path: PathBuf,
        length: u64,
    ) -> Self {
        Segment {
            seq,
            seed: segment_seed(store, seq),
            store,
            path,
            files: Arc::clone(files),
            file: OnceLock::new(),
            length: AtomicU64::new(length),
            is_ours: false,
        }
    }

    /// The same, being written by this process.
    pub(super) fn ours(self, file: Arc<dyn File>) -> Self {
        Segment {
            file: OnceLock::from(file),
            is_ours: true,
            ..self
        }
    }

    /// Whether this process writes it, or has written it: it then knows what is in it.
    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    pub(super) fn length(&self) -> u64 {
        self.length.load(Relaxed)
    }

    pub(super) fn set_length(&self, length: u64) {
        self.length.store(length, Relaxed);
    }

    /// Its file, opened if it was not yet. May block.
    pub(super) fn file(&self) -> io::Result<&Arc<dyn File>> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = self.files.open(&self.path)?;
        Ok(self.file.get_or_init(|| file))
    }

    /// Reads `most` bytes, or at least `least` where there are no more.
    /// `None`: the page cache does not have as many.
    pub(super) fn read(
        &self,
        whence: Whence,
        offset: u64,
        least: usize,
        most: usize,
    ) -> Result<Option<Bytes>, Damaged> {
        let most = most.min(self.length().saturating_sub(offset) as usize);
        if most < least {
            return Err(Damaged::Checksum);
        }
        let mut bytes = vec![0; most];
        let read = match whence {
            Whence::Disk => read_full(self.file()?.as_ref(), &mut bytes, offset)?,
            Whence::PageCache => match self.file.get() {
                Some(file) => read_cached(file.as_ref(), &mut bytes, offset)?,
                None => 0,
            },
        };
        bytes.truncate(read);
        match whence {
            _ if read >= least => Ok(Some(bytes.into())),
            Whence::Disk => Err(Damaged::Checksum),
            Whence::PageCache => Ok(None),
        }
    }
}

/// Bytes that the page cache has.
fn read_cached(file: &dyn File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    match file.read_cached_at(into, offset) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    }
}

/// What a read may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whence {
    /// Nothing.
    PageCache,
    /// The disk.
    Disk,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}", self.seq)
    }
}

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
