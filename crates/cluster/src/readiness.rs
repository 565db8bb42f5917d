//! What a node says of itself to those who ask with the credential.

use serde::{Deserialize, Serialize};

/// Where edges and shields answer it, on the address they serve on.
pub const READY_PATH: &str = "/.well-known/perigee/ready";

/// A node's readiness answer, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// The node's name: an address that answers for another node is not healthy.
    pub node: String,
    /// Finishes what it has, wants nothing new.
    pub draining: bool,
    /// Requests under way as a share of what the node is made for, from 0 to 1.
    pub load: f64,
    /// The version of the configuration it runs.
    pub config_version: String,
    /// The number of the last purge it carried out.
    pub purge_revision: u64,
    /// Seconds since it started.
    #[serde(default)]
    pub uptime: f64,
    /// Requests under way at once that it is made for: how much it counts beside others of its PoP.
    #[serde(default)]
    pub capacity: u64,
    /// The share of its clients, from 0 to 1, that it wants to be sent elsewhere because it has too
    /// much to do.
    #[serde(default)]
    pub spill: f64,
}

impl Readiness {
    /// The answer's body.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of numbers and strings always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
