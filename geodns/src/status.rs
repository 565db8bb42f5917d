//! What a name server tells of itself on its admin API.

use perigee_cluster::NodeHealth;
use serde::{Deserialize, Serialize};

/// The state of a name server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node: String,
    /// `geodns`.
    pub role: String,
    /// The version of the configuration it runs.
    pub config_version: String,
    /// The zone.
    pub zone: String,
    /// The serial number of the zone.
    pub serial: u32,
    /// The files of the geolocation databases in use.
    #[serde(default)]
    pub databases: Vec<String>,
    /// Whether the health of edges is believed; if not, all are answered.
    pub health_believed: bool,
    /// What it thinks of the edges, in the order of the configuration.
    pub edges: Vec<EdgeStatus>,
}

/// What a name server thinks of an edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeStatus {
    /// Its name.
    pub node: String,
    /// Where it is.
    pub pop: Option<String>,
    /// Whether it is believed to answer.
    pub up: bool,
    /// Whether it takes nothing new.
    pub draining: bool,
    /// Requests under way as a share of the most it takes, from 0 to 1.
    pub load: Option<f64>,
    /// The version of the configuration it runs.
    pub config_version: Option<String>,
    /// Why the last probe failed, if it did.
    pub error: Option<String>,
    /// How long it takes to answer a probe, a moving mean in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
}

impl From<&NodeHealth> for EdgeStatus {
    fn from(health: &NodeHealth) -> Self {
        let readiness = health.readiness.as_ref();
        EdgeStatus {
            node: health.node.name.to_string(),
            pop: health.node.pop.as_ref().map(ToString::to_string),
            up: health.up,
            draining: readiness.is_some_and(|r| r.draining),
            load: readiness.map(|r| r.load),
            config_version: readiness.map(|r| r.config_version.clone()),
            error: health.error.clone(),
            latency_ms: health
                .latency
                .map(|latency| latency.as_secs_f64() * 1_000.0),
        }
    }
}
