//! The live view: the nodes of the file, and what probes and real requests say of them.

mod known;
mod pool;
mod watched;

use std::{fmt, sync::Arc, time::Duration};

use perigee_health::{PanicShare, Thresholds};
use tokio::{runtime::Handle, sync::watch};

use crate::{Node, NodeName, Prober, Readiness};
use pool::Pool;

/// How to watch nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewConfig {
    /// From one probe of a node to the next. At least 1 ms; default 500 ms.
    pub interval: Duration,
    /// How long a probe may take; it replaces the prober's own. Default 1 s. A probe that takes
    /// longer than the interval delays the next.
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
    /// Its last readiness answer, kept when it no longer answers.
    pub readiness: Option<Readiness>,
    /// Why the last probe, or a request since, failed, if it did.
    pub error: Option<String>,
    /// How long it takes to answer: a moving mean over its probes; `None` before the first.
    pub latency: Option<Duration>,
}

impl NodeHealth {
    /// Up, and not draining: may be given new work.
    pub fn is_usable(&self) -> bool {
        self.up && !self.is_draining()
    }

    /// Said when it last answered that it wants nothing new.
    pub fn is_draining(&self) -> bool {
        self.readiness.as_ref().is_some_and(|r| r.draining)
    }
}

/// Watches nodes for as long as it lives; dropped, its probes stop. All its nodes are one pool
/// as far as panic mode goes: watch peers and shields by a view each.
pub struct View {
    pool: Arc<Pool>,
    /// Where probes run.
    runtime: Handle,
}

impl View {
    /// Starts to probe these nodes. Until the first results are in, all are believed up.
    /// Needs a tokio runtime. A node whose name, address and role stay the same keeps its
    /// history across [`View::set_nodes`]. Of nodes with one name, the first counts.
    pub fn start(nodes: Vec<Node>, prober: Prober, config: ViewConfig) -> Arc<Self> {
        let view = View {
            pool: Arc::new(Pool::new(prober, config)),
            runtime: Handle::current(),
        };
        view.set_nodes(nodes);
        Arc::new(view)
    }

    /// Replaces the nodes that are watched.
    pub fn set_nodes(&self, nodes: Vec<Node>) {
        self.pool.set_nodes(nodes, &self.runtime);
    }

    /// What is known now, in the order the nodes were given. An immutable snapshot: cheap.
    pub fn nodes(&self) -> Arc<Vec<NodeHealth>> {
        Arc::clone(&self.pool.known().nodes)
    }

    /// Whether a node is up and not draining. Unknown names are not. Takes no lock.
    pub fn is_usable(&self, name: &NodeName) -> bool {
        let known = self.pool.known();
        known.get(name).is_some_and(NodeHealth::is_usable)
    }

    /// Whether so many nodes look alive that the others may be believed dead
    /// ([`ViewConfig::panic`]).
    pub fn is_believed(&self) -> bool {
        self.pool.known().believed
    }

    /// Like [`View::is_usable`], but when health is not believed, every node is tried that did not
    /// say itself that it drains. For choices where one node must be taken in the end; where there
    /// is something better than a node that looks dead, ask [`View::is_usable`]. Takes no lock.
    pub fn may_use(&self, name: &NodeName) -> bool {
        let known = self.pool.known();
        known
            .get(name)
            .is_some_and(|health| health.is_usable() || (!known.believed && !health.is_draining()))
    }

    /// A real request to this node could not be sent: counts as a failed probe, so that those
    /// who come next need not wait for the next probe.
    pub fn report_failure(&self, name: &NodeName) {
        self.pool.report_failure(name);
    }

    /// A request to this node waits for longer than it should: it is probed at once, with little
    /// patience, so that one that has frozen is known to be down soon. Returns at once.
    pub fn suspect(&self, name: &NodeName) {
        self.pool.suspect(name);
    }

    /// The share, from 0 to 1, of the keys it owns that a node is to be given now: less than all
    /// while it has just come back. Unknown names have all. Takes no lock.
    pub fn share(&self, name: &NodeName) -> f64 {
        self.pool.share(name)
    }

    /// A number that grows at each change of what is known; for those who derive things.
    /// It is closed when the view is gone.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.pool.subscribe()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.pool.stop();
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("config", self.pool.config())
            .field("nodes", &self.nodes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
