//! The purges that a node has carried out, numbered. The issue 'Cluster and shield' makes nodes
//! catch up from it.

use std::time::SystemTime;

/// One purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRecord {
    /// Its number: one more than that of the purge before.
    pub revision: u64,
    /// When it was carried out.
    pub at: SystemTime,
    /// What was purged, as text.
    pub what: String,
}

/// The last purges, oldest dropped first.
#[derive(Debug)]
pub struct PurgeLog {}

impl PurgeLog {
    /// An empty log that keeps `capacity` records.
    pub fn new(_capacity: usize) -> Self {
        todo!()
    }

    /// Writes a purge down; answers with its number.
    pub fn append(&self, _what: String, _now: SystemTime) -> u64 {
        todo!()
    }

    /// The number of the last purge; 0 if there was none.
    pub fn revision(&self) -> u64 {
        todo!()
    }

    /// The records after `revision` that are still kept, oldest first.
    pub fn since(&self, _revision: u64) -> Vec<PurgeRecord> {
        todo!()
    }
}
