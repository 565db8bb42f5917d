//! How a disk is used.

use std::{path::PathBuf, time::Duration};

/// The least bytes of a segment.
const SMALLEST_SEGMENT: u64 = 4 << 20;

/// Limits of the disk tier.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskConfig {
    /// The folder, of this node alone. It is made if it is not there.
    pub folder: PathBuf,
    /// Bytes of all segments. At least [`DiskConfig::LEAST_SEGMENTS`] segments.
    pub capacity: u64,
    /// Bytes of a segment, from 4 MiB to 1 GiB. The store makes room by a segment at a time. See
    /// [`DiskConfig::usual_segment`].
    pub segment: u64,
    /// Bytes that may wait to be written; what comes beyond is not kept on the disk. Default 64 MiB.
    pub write_queue: u64,
    /// The share of a segment, from 0 to 0.9, that is kept of it where it was asked for, when the
    /// segment has to go. Default 1/4.
    pub readmit_share: f64,
    /// The share of `capacity`, from 0 to 1, that the body of one object may take. Default 1/4.
    pub max_object_share: f64,
    /// How long the disk stays unused after an error, before it is tried again. Default 10 s.
    pub retry_after: Duration,
    /// How long a node that stops waits for what is queued to be written. Default 10 s.
    pub flush_timeout: Duration,
    /// Stored responses per key, at least one; as in memory. Default 16.
    pub variants_per_key: usize,
    /// Bytes for bodies that are arriving, over all fills, where the disk is a store by itself.
    /// Default 64 MiB.
    pub fill_bytes: u64,
    /// Bytes that a fill which is not kept may run ahead of its slowest reader, where the disk is a
    /// store by itself. Default 1 MiB.
    pub window: u64,
    /// How long a reader that is further behind may hold up others. Default 1 s.
    pub window_patience: Duration,
}

impl DiskConfig {
    /// With fewer segments, making room would take a large part of what is kept at once.
    pub const LEAST_SEGMENTS: u64 = 4;

    /// Everything but the folder and the size as it is by default.
    pub fn new(folder: PathBuf, capacity: u64) -> Self {
        DiskConfig {
            folder,
            capacity,
            segment: DiskConfig::usual_segment(capacity),
            write_queue: 64 << 20,
            readmit_share: 0.25,
            max_object_share: 0.25,
            retry_after: Duration::from_secs(10),
            flush_timeout: Duration::from_secs(10),
            variants_per_key: 16,
            fill_bytes: 64 << 20,
            window: 1 << 20,
            window_patience: Duration::from_secs(1),
        }
    }

    /// 64 MiB, or a sixteenth of a small store, so that making room takes little of it at once.
    pub fn usual_segment(capacity: u64) -> u64 {
        (capacity / 16).clamp(SMALLEST_SEGMENT, 64 << 20)
    }
}
