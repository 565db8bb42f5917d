//! `[storage.disk]`: the disk behind the memory.

use std::path::Path;

use perigee_edge::DiskConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    at::At,
    units::{Bytes, FilePath, Lifetime, PartialShare, Period, PositiveShare, Whole},
};

/// What is kept on disk if the file does not say how much.
const SIZE: u64 = 10 << 30;

/// Bytes of all that a node keeps on its disk.
pub(crate) type Size = Bytes<{ 16 << 20 }, { 1 << 50 }>;

/// Bytes of one file of the store.
type Segment = Bytes<{ 4 << 20 }, { 1 << 30 }>;

/// Bytes that wait to be written.
type Queue = Bytes<{ 1 << 20 }, { 1 << 40 }>;

/// A disk for what does not fit into memory, and for what is to survive a restart. Changed by a
/// restart only.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disk {
    /// A folder. Each node uses the folder of its own name in it, so that one file does for several
    /// nodes on a machine.
    pub(crate) path: FilePath,
    /// What a node keeps there, at least four segments.
    #[serde(default = "size")]
    pub(crate) size: At<Size>,
    /// Bytes of one file of the store. To make room, the oldest one is removed as a whole. Default:
    /// 64 MiB, or a sixteenth of `size` where that is less.
    pub(crate) segment: Option<At<Segment>>,
    /// Memory, besides `memory`, for what waits to be written. What comes while there is no room is
    /// not kept on the disk: no request waits for it.
    #[serde(default = "write_queue")]
    pub(crate) write_queue: Queue,
    /// The share of a segment that may be kept of it when it is removed: what was asked for since it
    /// was written.
    #[serde(default = "readmit_share")]
    pub(crate) readmit_share: PartialShare,
    /// The share of `size` that one response may take; larger ones stream through uncached.
    #[serde(default = "max_object_share")]
    pub(crate) max_object_share: PositiveShare,
    /// After an error (no room, a folder that is gone), the disk stays unused for so long before it is
    /// tried again; the node serves from memory meanwhile.
    #[serde(default = "retry_after")]
    pub(crate) retry_after: Period,
    /// How long a node that stops waits until what is queued has been written.
    #[serde(default = "flush_timeout")]
    pub(crate) flush_timeout: Lifetime,
}

impl Disk {
    /// As the store of this node takes it.
    pub(crate) fn build(
        &self,
        folder: &Path,
        node: &str,
        variants_per_key: Whole<1, 10_000>,
    ) -> DiskConfig {
        DiskConfig {
            segment: self.segment(),
            write_queue: self.write_queue.0,
            readmit_share: self.readmit_share.0,
            max_object_share: self.max_object_share.0,
            retry_after: self.retry_after.0,
            flush_timeout: self.flush_timeout.0,
            variants_per_key: variants_per_key.as_usize(),
            ..DiskConfig::new(self.path.from(folder).join(node), self.size.0)
        }
    }

    /// Bytes of one file of the store.
    pub(crate) fn segment(&self) -> u64 {
        let usual = DiskConfig::usual_segment(self.size.0);
        self.segment.as_ref().map_or(usual, |segment| segment.0)
    }
}

/// What the store does by default.
fn usual() -> DiskConfig {
    DiskConfig::new("".into(), SIZE)
}

fn size() -> At<Size> {
    At {
        value: Bytes(SIZE),
        span: 0..0,
    }
}

fn write_queue() -> Queue {
    Bytes(usual().write_queue)
}

fn readmit_share() -> PartialShare {
    PartialShare(usual().readmit_share)
}

fn max_object_share() -> PositiveShare {
    PositiveShare(usual().max_object_share)
}

fn retry_after() -> Period {
    Period(usual().retry_after)
}

fn flush_timeout() -> Lifetime {
    Lifetime(usual().flush_timeout)
}
