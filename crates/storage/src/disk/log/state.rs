//! How the disk is doing.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Relaxed, Release},
        },
    },
    time::SystemTime,
};

use super::place::{Damaged, Shed};

/// Counted since start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) written: AtomicU64,
    pub(super) readmitted: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) shed: AtomicU64,
    pub(super) write_errors: AtomicU64,
    pub(super) damaged: AtomicU64,
    unusable: Mutex<Option<(SystemTime, String)>>,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Relaxed);
    }

    /// Counts what came of a read.
    pub(super) fn read<T>(&self, result: &Result<T, Damaged>) {
        if let Err(Damaged::Checksum | Damaged::Io(_)) = result {
            // Whoever sees the count sees what was noted before.
            self.damaged.fetch_add(1, Release);
        }
    }

    pub(super) fn found_damaged(&self, places: u64) {
        Self::add(&self.damaged, places);
    }

    pub(super) fn shed(&self, shed: Shed) -> Shed {
        Self::add(&self.shed, 1);
        shed
    }

    /// Notes that the disk cannot be written to; says whether that is news.
    pub(super) fn unusable(&self, why: String) -> bool {
        let mut unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = unusable.is_none();
        unusable.get_or_insert((SystemTime::now(), why));
        is_news
    }

    /// Notes that it can; says whether that is news.
    pub(super) fn usable(&self) -> bool {
        let mut unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        unusable.take().is_some()
    }

    pub(super) fn why_unusable(&self) -> Option<(SystemTime, String)> {
        let unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        unusable.clone()
    }
}

/// How the log is doing, for metrics and status.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Segments that are there.
    pub(crate) segments: u64,
    /// Bytes of their files.
    pub(crate) bytes: u64,
    /// Bytes that they may have.
    pub(crate) capacity: u64,
    /// Bytes that wait to be written.
    pub(crate) queued: u64,
    /// Bytes that may wait.
    pub(crate) queue: u64,
    /// Bytes written since start, those that were readmitted among them.
    pub(crate) written: u64,
    /// Bytes written anew because their segment was evicted, since start.
    pub(crate) readmitted: u64,
    /// Segments evicted since start.
    pub(crate) evicted: u64,
    /// What was not taken to be written, since start.
    pub(crate) shed: u64,
    /// What was taken and could not be written, since start.
    pub(crate) write_errors: u64,
    /// What could not be read as it was written, since start.
    pub(crate) damaged: u64,
    /// Since when, and why, nothing can be written.
    pub(crate) unusable: Option<(SystemTime, String)>,
}
