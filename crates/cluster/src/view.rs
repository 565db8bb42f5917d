//! The live view: the nodes of the file, and what probes and real requests say of them.

use std::{sync::Arc, time::Duration};

use perigee_health::{PanicShare, Thresholds};

use crate::{Node, NodeName, Prober, Readiness};

/// How to watch nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewConfig {
    /// Between two probes of one node. Default 500 ms.
    pub interval: Duration,
    /// How long a probe may take. Default 1 s.
    pub timeout: Duration,
    /// When a node is out, and in again.
    pub thresholds: Thresholds,
    /// When health is not believed.
    pub panic: PanicShare,
}

impl Default for ViewConfig {
    fn default() -> Self {
        ViewConfig {
            interval: Duration::from_millis(500),
            timeout: Duration::from_secs(1),
            thresholds: Thresholds::default(),
            panic: PanicShare::default(),
        }
    }
}

/// What is known of one node now.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeHealth {
    /// The node.
    pub node: Node,
    /// Whether it is believed to answer.
    pub up: bool,
    /// Its last readiness answer.
    pub readiness: Option<Readiness>,
    /// Why the last probe failed, if it did.
    pub error: Option<String>,
}

impl NodeHealth {
    /// Up, and not draining: may be given new work.
    pub fn is_usable(&self) -> bool {
        self.up && !self.readiness.as_ref().is_some_and(|r| r.draining)
    }
}

/// Watches nodes for as long as it lives; dropped, its probes stop.
#[derive(Debug)]
pub struct View {}

impl View {
    /// Starts to probe these nodes. Until the first results are in, all are believed up.
    /// Needs a tokio runtime. A node whose name, address and role stay the same keeps its
    /// history across [`View::set_nodes`].
    pub fn start(_nodes: Vec<Node>, _prober: Prober, _config: ViewConfig) -> Arc<Self> {
        todo!()
    }

    /// Replaces the nodes that are watched.
    pub fn set_nodes(&self, _nodes: Vec<Node>) {
        todo!()
    }

    /// What is known now, in the order the nodes were given. An immutable snapshot: cheap.
    pub fn nodes(&self) -> Arc<Vec<NodeHealth>> {
        todo!()
    }

    /// Whether a node is up and not draining. Unknown names are not.
    pub fn is_usable(&self, _name: &NodeName) -> bool {
        todo!()
    }

    /// A real request to this node could not be sent: counts as a failed probe, so that those
    /// who come next need not wait for the next probe.
    pub fn report_failure(&self, _name: &NodeName) {
        todo!()
    }

    /// A number that grows at each change of what is known; for those who derive things.
    pub fn subscribe(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
}
