//! A segment as its readers see it.

use std::{
    collections::BTreeSet,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;

use super::{
    buffers::Buffers,
    files::{File, Files, read_full},
    format::segment_seed,
    open::{OpenFiles, Slot},
    place::Damaged,
};

/// What all segments read with.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) files: Arc<dyn Files>,
    pub(super) open: OpenFiles,
    pub(super) buffers: Arc<Buffers>,
}

/// One segment. Readers that hold it read on after it was evicted, unless there are too many such.
pub(crate) struct Segment {
    pub(super) seq: u64,
    /// The salt of its checksums.
    pub(super) seed: u64,
    /// The store that it is of.
    pub(super) store: u64,
    pub(super) path: PathBuf,
    means: Arc<Means>,
    slot: Arc<Slot>,
    /// Bytes of the file.
    length: AtomicU64,
    is_ours: bool,
    /// Where records begin that could not be read as they were written.
    bad: RwLock<BTreeSet<u32>>,
}

impl Segment {
    /// One that is in the folder. Its file is opened when it is first read.
    pub(super) fn new(
        means: &Arc<Means>,
        (store, seq): (u64, u64),
        path: PathBuf,
        length: u64,
    ) -> Self {
        Segment {
            seq,
            seed: segment_seed(store, seq),
            store,
            path,
            means: Arc::clone(means),
            slot: Arc::default(),
            length: AtomicU64::new(length),
            is_ours: false,
            bad: RwLock::default(),
        }
    }

    /// The same, being written by this process.
    pub(super) fn ours(self, file: Arc<dyn File>) -> Self {
        let _ = self.means.open.open(&self.slot, || Ok(file));
        Segment {
            is_ours: true,
            ..self
        }
    }

    /// Whether this process writes it, or has written it: it then knows what is in it.
    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// The record at this offset cannot be read as it was written.
    pub(super) fn is_found_bad(&self, offset: u32) {
        let mut bad = self.bad.write().unwrap_or_else(PoisonError::into_inner);
        bad.insert(offset);
    }

    /// Whether the record at this offset was found to be so.
    pub(super) fn is_bad(&self, offset: u32) -> bool {
        let bad = self.bad.read().unwrap_or_else(PoisonError::into_inner);
        bad.contains(&offset)
    }

    pub(super) fn length(&self) -> u64 {
        self.length.load(Relaxed)
    }

    pub(super) fn set_length(&self, length: u64) {
        self.length.store(length, Relaxed);
    }

    /// Its file, opened if it is not. May block.
    pub(super) fn file(&self) -> io::Result<Arc<dyn File>> {
        match self.slot.get() {
            Some(file) => Ok(file),
            None => self
                .means
                .open
                .open(&self.slot, || self.means.files.open(&self.path)),
        }
    }

    /// Keeps its file open: it is about to be removed.
    pub(super) fn keep_open(&self) {
        self.slot.keep();
        // If it cannot be opened it cannot be read either, now or later.
        let _ = self.file();
    }

    /// Closes its file. Once that was removed, nobody can read it any more.
    pub(super) fn close(&self) {
        self.slot.close();
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
        let bytes = match whence {
            Whence::Disk => {
                let file = self.file()?;
                let fill = |into: &mut [u8]| read_full(file.as_ref(), into, offset);
                self.means.buffers.fill(most, fill)?
            }
            Whence::PageCache => {
                let Some(file) = self.slot.get() else {
                    return Ok(None);
                };
                let fill = |into: &mut [u8]| read_cached(file.as_ref(), into, offset);
                self.means.buffers.fill(most, fill)?
            }
        };
        match whence {
            _ if bytes.len() >= least => Ok(Some(bytes)),
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
