//! From one segment to the next: the old one is sealed, the oldest evicted, a new one made.

use std::{io, sync::Arc};

use super::{
    super::{
        appending::Appending,
        eviction::Readmission,
        folder::{Folder, OpenError},
        state::Counters,
    },
    Writer,
};

/// Segments that are evicted at once because the disk is full.
const MAKE_ROOM: usize = 4;

pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

impl Writer {
    /// Begins a segment, and makes room for the one after it.
    pub(super) fn begin(&mut self) -> Result<(), OpenError> {
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
        self.readmit_left = self.shared.config.readmit;
        while self.is_over() && self.evict(self.readmit_left) {}
        self.broken.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// There is less room than was configured: told once.
    pub(super) fn note_full(&mut self) {
        self.shared.pinned.close();
        if !std::mem::replace(&mut self.is_full_known, true) {
            let folder = self.shared.config.folder.display();
            tracing::warn!(%folder, "the disk is full: the oldest of the cache makes room");
        }
    }

    /// Whether another segment would be more than there may be.
    fn is_over(&self) -> bool {
        let config = &self.shared.config;
        self.shared.bytes() + config.segment > config.size
    }

    fn create(&mut self) -> io::Result<Appending> {
        let folder = self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let (seq, path) = (self.next_seq, folder.segment(self.next_seq));
        self.next_seq += 1;
        let length = self.shared.config.segment;
        let file = self.shared.files.create(&path, length)?;
        let segment = self.shared.segment(folder.store, seq, path, length);
        let segment = Arc::new(segment.ours(Arc::clone(&file)));
        let begun = Appending::begin(Arc::clone(&segment), file);
        match &begun {
            Ok(_) => self.shared.segments.insert(segment),
            Err(_) => self.shared.remove(&segment),
        }
        begun
    }

    /// Evicts the oldest segment, unless it is being written, and lets the keeper write `readmit`
    /// bytes of it anew at most, and no more of a short one than is its share.
    pub(super) fn evict(&mut self, readmit: u64) -> bool {
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
        let config = &self.shared.config;
        let share = u128::from(oldest.length()) * u128::from(config.readmit);
        let share = share / u128::from(config.segment);
        let readmit = readmit.min(u64::try_from(share).unwrap_or(readmit));
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
    pub(super) fn seal(&mut self) {
        let Some(appending) = self.appending.take() else {
            return;
        };
        let segment = Arc::clone(&appending.segment);
        if appending.is_empty() {
            return self.shared.remove(&segment);
        }
        match appending.seal() {
            Ok(file) => self.syncing.sync(file),
            Err(error) => {
                Counters::add(&self.shared.counters.write_errors, 1);
                tracing::debug!(%error, "a segment of the disk could not be sealed");
            }
        }
    }
}
