//! How a node's store does.

use perigee_storage::Stats;
use serde::{Deserialize, Serialize};

/// How a node's store does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheStats {
    /// The node's name.
    pub node: String,
    /// `edge` or `shield`.
    pub role: String,
    /// The memory tier.
    pub memory: MemoryStats,
}

/// The memory tier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryStats {
    /// Stored keys.
    pub keys: u64,
    /// Bytes of heads, bodies and index.
    pub bytes: u64,
    /// The most that `bytes` may become.
    pub capacity: u64,
    /// Bytes claimed for bodies that are arriving, or that are read while not kept.
    pub filling_bytes: u64,
    /// Responses evicted to make room since start.
    pub evicted: u64,
}

impl CacheStats {
    /// Of this node, by what its store says.
    pub(super) fn of(node: &str, role: &str, stats: &Stats) -> Self {
        CacheStats {
            node: node.to_owned(),
            role: role.to_owned(),
            memory: MemoryStats {
                keys: stats.keys,
                bytes: stats.bytes,
                capacity: stats.capacity,
                filling_bytes: stats.filling_bytes,
                evicted: stats.evicted,
            },
        }
    }
}
