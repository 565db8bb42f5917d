//! How a node's store does.

use perigee_storage::{DiskStats, PurgeStats, Stats};
use serde::{Deserialize, Serialize};

/// How a node's store does. Counts are since start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheStats {
    /// The node's name.
    pub node: String,
    /// `edge` or `shield`.
    pub role: String,
    /// The memory tier.
    pub memory: MemoryCounts,
    /// The disk tier, if there is one.
    pub disk: Option<DiskCounts>,
    /// What is remembered of purges.
    pub purges: PurgeCounts,
}

/// The memory tier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryCounts {
    /// Stored keys.
    pub keys: u64,
    /// Bytes of heads, bodies and index.
    pub bytes: u64,
    /// The most that `bytes` may become.
    pub capacity: u64,
    /// Lookups that found something.
    pub hits: u64,
    /// Responses evicted to make room; what is on disk stays there.
    pub evicted: u64,
    /// Bytes claimed for bodies that are arriving, or that are read while not kept.
    pub filling_bytes: u64,
}

/// The disk tier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DiskCounts {
    /// Stored keys, as far as the index is loaded.
    pub keys: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// The most that `bytes` may become.
    pub capacity: u64,
    /// Lookups that found something here, and nothing in memory.
    pub hits: u64,
    /// Segments.
    pub segments: u64,
    /// Segments evicted to make room.
    pub segments_evicted: u64,
    /// The share of the index that is loaded after the start, from 0 to 1.
    pub loaded: f64,
    /// Bytes of memory that the index takes.
    pub index_bytes: u64,
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
    /// Why it cannot be used now, if it cannot.
    pub unusable: Option<String>,
}

/// What is remembered of purges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PurgeCounts {
    /// Purges that something stored may be older than.
    pub known: u64,
    /// Those that were forgotten for want of room while something might have been older, which counts
    /// as purged since.
    pub lost: u64,
}

impl CacheStats {
    /// Of this node, by what its store says.
    pub(super) fn of(node: &str, role: &str, stats: Stats, purges: &PurgeStats) -> Self {
        CacheStats {
            node: node.to_owned(),
            role: role.to_owned(),
            memory: MemoryCounts {
                keys: stats.keys,
                bytes: stats.bytes,
                capacity: stats.capacity,
                hits: stats.hits,
                evicted: stats.evicted,
                filling_bytes: stats.filling_bytes,
            },
            disk: stats.disk.map(DiskCounts::of),
            purges: PurgeCounts {
                known: purges.known,
                lost: purges.lost,
            },
        }
    }
}

impl DiskCounts {
    fn of(disk: DiskStats) -> Self {
        DiskCounts {
            keys: disk.keys,
            bytes: disk.bytes,
            capacity: disk.capacity,
            hits: disk.hits,
            segments: disk.segments,
            segments_evicted: disk.segments_evicted,
            loaded: disk.loaded(),
            index_bytes: disk.index_bytes,
            queued: disk.queued,
            queue_capacity: disk.queue_capacity,
            written: disk.written,
            readmitted: disk.readmitted,
            shed: disk.shed,
            write_errors: disk.write_errors,
            damaged: disk.damaged,
            unusable: disk.unusable.map(|unusable| unusable.why),
        }
    }
}
