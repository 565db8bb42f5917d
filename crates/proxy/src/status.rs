//! What a node tells of itself on its admin API.

use perigee_storage::DiskStats;
use serde::{Deserialize, Serialize};

/// The state of an edge or a shield.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node: String,
    /// `edge` or `shield`.
    pub role: String,
    /// The version of the configuration it runs.
    pub config_version: String,
    /// Whether it finishes and takes nothing new.
    pub draining: bool,
    /// Requests under way.
    pub requests: u64,
    /// Of these, those that wait for another one's fetch of the same object.
    #[serde(default)]
    pub waiting: u64,
    /// Requests under way as a share of what it is made for.
    pub load: f64,
    /// The share of its clients, from 0 to 1, that it wants to be sent elsewhere.
    #[serde(default)]
    pub spill: f64,
    /// Client connections open.
    pub connections: u64,
    /// Keys in memory.
    pub keys: u64,
    /// Bytes in memory.
    pub bytes: u64,
    /// The most that may be in memory, in bytes.
    pub capacity: u64,
    /// The disk, if it has one.
    pub disk: Option<DiskStatus>,
    /// The number of the last purge it carried out.
    pub purge_revision: u64,
    /// What it thinks of the nodes and origins it sends requests to.
    pub next_hops: Vec<NextHopStatus>,
}

/// The disk of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskStatus {
    /// Keys on it, as far as its index is loaded.
    pub keys: u64,
    /// Bytes on it.
    pub bytes: u64,
    /// The most that may be on it, in bytes.
    pub capacity: u64,
    /// The share of its index that is loaded after the start, from 0 to 1.
    pub loaded: f64,
    /// Bytes that wait to be written.
    pub queued: u64,
    /// Why it cannot be used now, if it cannot.
    pub unusable: Option<String>,
}

impl From<DiskStats> for DiskStatus {
    fn from(disk: DiskStats) -> Self {
        DiskStatus {
            keys: disk.keys,
            bytes: disk.bytes,
            capacity: disk.capacity,
            loaded: disk.loaded(),
            queued: disk.queued,
            unusable: disk.unusable.map(|unusable| unusable.why),
        }
    }
}

/// What a node thinks of one place it sends requests to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextHopStatus {
    /// Its name.
    pub name: String,
    /// `peer`, `shield` or `origin`.
    pub kind: String,
    /// Whether requests are sent there.
    pub usable: bool,
    /// Whether it has said that it takes nothing new.
    #[serde(default)]
    pub draining: bool,
    /// Why not, as far as is known.
    pub error: Option<String>,
    /// How long a node takes to answer a probe, a moving mean in milliseconds; not of origins.
    #[serde(default)]
    pub latency_ms: Option<f64>,
}

/// What a purge did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Purged {
    /// Keys removed, or made stale; 0 if nothing was stored. If the node had heard of the purge before,
    /// those that it removed then. Known of URLs alone: what else was purged is not used any more, and
    /// found as it is looked up.
    pub keys: Option<u64>,
    /// The number of this purge on this node, counted from its start.
    pub revision: u64,
    /// How long the node took, in milliseconds.
    #[serde(default)]
    pub milliseconds: f64,
    /// Why the purge holds until a restart only, though what is on the disk outlives that: it could
    /// not be written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}
