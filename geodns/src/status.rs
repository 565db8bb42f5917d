//! What a name server tells of itself on its admin API.

use perigee_cluster::NodeHealth;
use serde::{Deserialize, Serialize};

use crate::{load::Given, snapshot::Snapshot};

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
    /// Which files with places, networks or latencies are broken, so that what they held before goes
    /// on.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Whether the health of edges is believed; if not, all are answered.
    pub health_believed: bool,
    /// What the PoPs are given, in the order of the configuration.
    #[serde(default)]
    pub pops: Vec<PopStatus>,
    /// What it thinks of the edges, in the order of the configuration.
    pub edges: Vec<EdgeStatus>,
}

/// What a PoP is given by a name server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopStatus {
    /// Its name.
    pub pop: String,
    /// Its edges.
    pub edges: usize,
    /// Those that are up and do not drain.
    pub usable: usize,
    /// Requests under way at its usable edges as a share of what these are made for; `None` if none of
    /// them has told.
    pub load: Option<f64>,
    /// The share of its clients that are sent to the next PoP.
    pub spill: f64,
    /// Answers with its edges, of this name server, a moving mean over some seconds.
    pub answers_per_second: f64,
    /// What is out of the ordinary, in words; empty if nothing is.
    pub why: String,
}

/// What each PoP is given.
pub(crate) fn pops(snapshot: &Snapshot, nodes: &[NodeHealth], given: &Given) -> Vec<PopStatus> {
    let pops = snapshot.pops.iter().enumerate();
    pops.map(|(place, pop)| {
        let edges = || {
            let names = pop.edges.iter().map(|edge| &edge.name);
            names.filter_map(|name| nodes.iter().find(|health| health.node.name == *name))
        };
        let (usable, spill) = (
            edges().filter(|edge| edge.is_usable()).count(),
            snapshot.spilled.share(place),
        );
        let load = load_of(edges());
        PopStatus {
            pop: pop.name.to_string(),
            edges: pop.edges.len(),
            usable,
            load,
            spill,
            answers_per_second: given.to(pop.name.as_str()),
            why: why(snapshot.believed, pop.edges.len(), usable, spill),
        }
    })
    .collect()
}

/// The load of the edges that are used, each counted by what it is made for.
fn load_of<'h>(edges: impl Iterator<Item = &'h NodeHealth>) -> Option<f64> {
    let used = edges.filter(|edge| edge.is_usable());
    let told = used.filter_map(|edge| edge.readiness.as_ref());
    let (load, capacity) = told.fold((0.0, 0.0), |(load, all), edge| {
        let capacity = edge.capacity.max(1) as f64;
        (load + edge.load * capacity, all + capacity)
    });
    (capacity > 0.0).then(|| load / capacity)
}

fn why(believed: bool, edges: usize, usable: usize, spill: f64) -> String {
    if !believed {
        "nearly all edges look down: health is not believed".to_owned()
    } else if usable == 0 {
        "no edge can be used: clients are sent elsewhere".to_owned()
    } else if spill > 0.0 {
        let percent = spill * 100.0;
        format!("too much to do: {percent:.0} % of its clients, the farthest first, go elsewhere")
    } else if usable < edges {
        format!("{} of {edges} edges cannot be used", edges - usable)
    } else {
        String::new()
    }
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
