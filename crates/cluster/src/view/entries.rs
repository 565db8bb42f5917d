//! The nodes that are watched, each with what is known of it and the tasks that probe it.

use std::time::Duration;

use perigee_health::Change;
use tokio::task::AbortHandle;

use super::{
    NodeHealth,
    watched::{Effect, Seen, Watched},
};
use crate::{Node, NodeName, ProbeError};

#[derive(Default)]
pub(super) struct Entries {
    /// In the order they were given, each name once.
    pub(super) list: Vec<Entry>,
    /// The node that watches, if it was among them.
    pub(super) own: Option<Node>,
    /// For the next node, so that a late probe of one that left is not taken for another's.
    pub(super) next_id: u64,
    /// When others were last shown what is known, since the view began.
    pub(super) shown: Duration,
}

pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) watched: Watched,
    /// Held for its drop.
    pub(super) _probes: Probes,
    pub(super) suspicion: Suspicion,
}

/// Probes of one node; dropped, they stop.
pub(super) struct Probes(pub(super) AbortHandle);

impl Drop for Probes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether a node is probed because it is waited for.
#[derive(Default)]
pub(super) struct Suspicion {
    /// While it is.
    pub(super) probes: Option<Probes>,
    /// When that last began, since the view began.
    pub(super) began: Option<Duration>,
}

impl Entries {
    pub(super) fn find(&mut self, name: &NodeName) -> Option<&mut Entry> {
        self.list
            .iter_mut()
            .find(|entry| entry.watched.health.node.name == *name)
    }

    pub(super) fn find_id(&mut self, id: u64) -> Option<&mut Entry> {
        self.list.iter_mut().find(|entry| entry.id == id)
    }

    pub(super) fn watched(&self) -> impl Iterator<Item = &Watched> + Clone {
        self.list.iter().map(|entry| &entry.watched)
    }

    pub(super) fn healths(&self) -> impl Iterator<Item = &NodeHealth> {
        self.watched().map(|watched| &watched.health)
    }
}

impl Entry {
    /// A request to it failed.
    pub(super) fn failed(&mut self, now: Duration) -> Seen {
        let error = ProbeError::new(&self.watched.health.node, "a request to it failed");
        let effect = self.watched.failed(error, now);
        self.tell(effect)
    }

    /// Writes a change of opinion to the log; what others see of it.
    pub(super) fn tell(&self, Effect { opinion, seen }: Effect) -> Seen {
        let NodeHealth { node, error, .. } = &self.watched.health;
        match opinion {
            Some(Change::WentUp) => tracing::info!(%node.name, "node is up"),
            Some(Change::WentDown) => tracing::warn!(%node.name, error, "node is down"),
            None => {}
        }
        seen
    }
}
