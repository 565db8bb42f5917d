//! What a node tells of itself on its admin API.

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
    /// Requests under way as a share of the most it takes.
    pub load: f64,
    /// Client connections open.
    pub connections: u64,
    /// Keys in the store.
    pub keys: u64,
    /// Bytes in the store.
    pub bytes: u64,
    /// The most the store may hold, in bytes.
    pub capacity: u64,
    /// The number of the last purge it carried out.
    pub purge_revision: u64,
    /// What it thinks of the nodes and origins it sends requests to.
    pub next_hops: Vec<NextHopStatus>,
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
    /// Why not, as far as is known.
    pub error: Option<String>,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Keys removed; 0 if nothing was stored.
    pub keys: u64,
    /// The number of this purge on this node.
    pub revision: u64,
}
