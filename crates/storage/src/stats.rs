//! What a store holds, and how it is doing.

use std::time::SystemTime;

/// What a store holds, for metrics and status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys in memory.
    pub keys: u64,
    /// Bytes of heads, bodies and index in memory.
    pub bytes: u64,
    /// The most that `bytes` may become.
    pub capacity: u64,
    /// Bytes claimed for bodies that are arriving, or that are read while not kept.
    pub filling_bytes: u64,
    /// Lookups that found something in memory since start.
    pub hits: u64,
    /// Objects evicted from memory to make room since start.
    pub evicted: u64,
    /// The disk, if there is one.
    pub disk: Option<DiskStats>,
}

/// What a disk holds, and how it is doing. Counts are since start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Keys on the disk, as far as the index is loaded.
    pub keys: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// The most that `bytes` may become.
    pub capacity: u64,
    /// Bytes of memory that the index takes.
    pub index_bytes: u64,
    /// Segments on the disk.
    pub segments: u64,
    /// Whether keys that are there are still to be found.
    pub is_loading: bool,
    /// Segments whose keys are to be loaded into the index after the start.
    pub segments_to_load: u64,
    /// How many of those are loaded.
    pub segments_loaded: u64,
    /// Segments evicted to make room.
    pub segments_evicted: u64,
    /// Lookups that found something here, and nothing in memory.
    pub hits: u64,
    /// Bytes that wait to be written.
    pub queued: u64,
    /// The most that `queued` may become.
    pub queue_capacity: u64,
    /// Bytes written, those written anew among them.
    pub written: u64,
    /// Bytes written anew, because their segment was evicted and they had been asked for.
    pub readmitted: u64,
    /// Writes that were not admitted: the queue was full, or the disk could not be used.
    pub shed: u64,
    /// Writes that were admitted, and failed.
    pub write_errors: u64,
    /// Objects and parts of them that could not be read as they had been written, and were dropped.
    pub damaged: u64,
    /// Since when and why the disk cannot be used; it is tried again.
    pub unusable: Option<Unusable>,
}

/// A disk that cannot be used for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Since when.
    pub since: SystemTime,
    /// What the system said.
    pub why: String,
}

impl DiskStats {
    /// The share of the index that is loaded after the start, from 0 to 1.
    pub fn loaded(&self) -> f64 {
        if !self.is_loading {
            return 1.0;
        }
        // Where nothing is counted yet, too, something is left to do.
        let all = self.segments_to_load.max(1);
        self.segments_loaded.min(all - 1) as f64 / all as f64
    }
}
