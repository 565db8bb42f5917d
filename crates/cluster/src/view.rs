//! The live view: the nodes of the file, and what probes and real requests say of them.

mod entries;
mod group;
mod known;
mod pool;
mod watched;

use std::{fmt, future::pending, sync::Arc, time::Duration};

use perigee_health::{PanicShare, Thresholds};
use tokio::{runtime::Handle, sync::watch, time::sleep};

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
    /// When the health of a group is not believed: of the edges of one PoP, or of all shields.
    pub panic: PanicShare,
    /// How long a probe may take of a node that is suspected ([`View::suspect`]). Default 400 ms.
    pub suspect_timeout: Duration,
    /// How long a node that has come back or started takes to be given all of its keys again, while
    /// most of its group had been there before. Zero: all at once. Default 30 s.
    pub slow_start: Duration,
    /// A node that falls so soon after it came back must answer twice as often in a row to be in
    /// again, and each further time again twice, up to 32 times. Zero: never. Default 1 min.
    pub flap_window: Duration,
}

impl Default for ViewConfig {
    fn default() -> Self {
        ViewConfig {
            interval: Duration::from_millis(500),
            timeout: Duration::from_secs(1),
            thresholds: Thresholds::default(),
            panic: PanicShare::default(),
            suspect_timeout: Duration::from_millis(400),
            slow_start: Duration::from_secs(30),
            flap_window: Duration::from_secs(60),
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

/// Watches nodes for as long as it lives; dropped, its probes stop. Panic mode and the gradual return
/// go by groups: the edges of one PoP, or all shields.
pub struct View {
    pool: Arc<Pool>,
    /// Where probes run.
    runtime: Handle,
}

impl View {
    /// Starts to probe these nodes. Until the first results are in, all are believed up.
    /// Needs a tokio runtime. A node whose name, address and role stay the same keeps its
    /// history across [`View::set_nodes`]. Of nodes with one name, the first counts. A node of the
    /// prober's own name is not probed and not told: it only says which group the prober is of.
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

    /// Whether so many of this node's group look alive that the others may be believed dead
    /// ([`ViewConfig::panic`]). The prober counts in its own group, as one that is alive. Unknown
    /// names are believed. Takes no lock.
    pub fn is_believed(&self, name: &NodeName) -> bool {
        let known = self.pool.known();
        known
            .get(name)
            .is_none_or(|health| known.is_believed(&health.node))
    }

    /// Like [`View::is_usable`], but when the health of its group is not believed, every node of it
    /// is tried that did not say itself that it drains. For choices where one node must be taken in
    /// the end; where there is a way without them all, ask [`View::may_try`]. Takes no lock.
    pub fn may_use(&self, name: &NodeName) -> bool {
        let known = self.pool.known();
        known.get(name).is_some_and(|health| {
            health.is_usable() || (!known.is_believed(&health.node) && !health.is_draining())
        })
    }

    /// Like [`View::may_use`], but of a group of which nobody looks alive, nobody is tried: for
    /// choices where there is a way without them all. Takes no lock.
    pub fn may_try(&self, name: &NodeName) -> bool {
        let known = self.pool.known();
        known.get(name).is_some_and(|health| {
            let is_doubted = || known.is_doubted_by_one_alive(&health.node);
            health.is_usable() || (!health.is_draining() && is_doubted())
        })
    }

    /// A real request to this node could not be sent: counts as a failed probe, so that those
    /// who come next need not wait for the next probe.
    pub fn report_failure(&self, name: &NodeName) {
        self.pool.report_failure(name);
    }

    /// A request to this node waits for longer than it should: it is probed at once, with little
    /// patience ([`ViewConfig::suspect_timeout`]), until it answers or is down, so that one that has
    /// frozen is known to be down soon. Returns at once, and may be called as often as one likes:
    /// one such probe is under way at a time, and two are apart by half of that patience. Nothing
    /// happens for a node that is down, or unknown.
    pub fn suspect(&self, name: &NodeName) {
        self.pool.suspect(name, &self.runtime);
    }

    /// Ends when nothing more is to be expected of this node: it is down. One that drains is not: it
    /// answers what it has begun. One that looks dead and is tried all the same
    /// ([`View::may_try`]) has as long as a probe may take. Never ends for unknown names.
    pub async fn until_lost(&self, name: &NodeName) {
        let mut changes = self.subscribe();
        while self.pool.known().get(name).is_none_or(|health| health.up) {
            if changes.changed().await.is_err() {
                return pending().await;
            }
        }
        if self.may_try(name) {
            sleep(self.pool.config().timeout).await;
        }
    }

    /// The share, from 0.1 to 1, of the keys it owns that a node is to be given now: less than all
    /// while it has just come back or started, and most of its group have been there for longer
    /// ([`ViewConfig::slow_start`]). The prober's own name has one, too, as its peers see it; unknown
    /// names have all. Takes no lock.
    pub fn share(&self, name: &NodeName) -> f64 {
        self.pool.share(name)
    }

    /// A number that grows at each change of what is known, but for the figures that always move
    /// (latency, load, uptime: [`View::nodes`] has them as they were an interval ago at the latest);
    /// for those who derive things. It is closed when the view is gone.
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
