//! The way up: the shields of one group after the other, then the origin.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use perigee_cluster::{LoadBound, NodeName, Standing};
use perigee_proxy::{Hop, Inbound};

use super::{EdgeState, nodes::Nodes};
use crate::shields::{Nearest, ShieldOrder};

/// How often the latencies are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Each object has one shield, however much that one has to do.
const NO_BOUND: LoadBound = LoadBound {
    factor: f64::MAX,
    floor: u64::MAX,
};

/// The order of the groups, and when the latencies were looked at last.
#[derive(Debug)]
pub(super) struct Measured {
    nearest: Nearest,
    looked: Option<Instant>,
}

impl Measured {
    pub(super) fn new(groups: usize) -> Self {
        Measured {
            nearest: Nearest::new(groups),
            looked: None,
        }
    }
}

/// Whether the groups are the same.
pub(super) fn is_same(before: &[Nodes], now: &[Nodes]) -> bool {
    let same = |(before, now): (&Nodes, &Nodes)| before.names().eq(now.names());
    before.len() == now.len() && before.iter().zip(now).all(same)
}

impl EdgeState {
    /// In the order in which they are to be asked. In each group the ring gives an object one shield,
    /// then the next.
    pub(super) fn upward(&self, inbound: &Inbound, key_hash: u64) -> Vec<Hop> {
        let groups = self.groups(inbound.started);
        let mut hops = self.shields_of(&groups, key_hash, |name| self.is_usable(name));
        if self.config.origin_fallback || self.shields.is_empty() {
            hops.push(Hop::Origin(Arc::clone(&inbound.service.origins)));
        } else if hops.is_empty() {
            // Nothing is lost by asking those who look dead.
            let known = self.view.as_ref().map(|view| view.nodes());
            let drains = |name: &NodeName| {
                let mut nodes = known.iter().flat_map(|nodes| nodes.iter());
                nodes.any(|health| health.node.name == *name && health.is_draining())
            };
            hops = self.shields_of(&groups, key_hash, |name| !drains(name));
        }
        hops
    }

    fn shields_of(
        &self,
        groups: &[&Nodes],
        key_hash: u64,
        is_there: impl Fn(&NodeName) -> bool,
    ) -> Vec<Hop> {
        let standing = |name: &NodeName| {
            is_there(name).then(|| Standing {
                share: self.view.as_ref().map_or(1.0, |view| view.share(name)),
                load: 0,
            })
        };
        let hops = groups.iter().flat_map(|group| {
            let owners = group.ring.owners_within(key_hash, NO_BOUND, standing);
            owners
                .filter_map(|name| group.endpoints.get(name))
                .map(|(_, endpoint)| Hop::Shield(Arc::clone(endpoint)))
        });
        hops.collect()
    }

    /// The groups in the order in which they are to be asked.
    fn groups(&self, now: Instant) -> Vec<&Nodes> {
        if self.shields.len() < 2 || self.config.shield_order != ShieldOrder::Nearest {
            return self.shields.iter().collect();
        }
        let mut measured = self.nearest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |looked| now.saturating_duration_since(looked) >= LOOK_EVERY;
        if measured.looked.is_none_or(is_due) {
            measured.looked = Some(now);
            let latencies: Vec<_> = self.shields.iter().map(|g| self.latency(g)).collect();
            measured.nearest.measured(&latencies, now);
        }
        let order = measured.nearest.order().iter();
        order.filter_map(|at| self.shields.get(*at)).collect()
    }

    /// How far away a group is: the median of those of its shields that are usable.
    fn latency(&self, group: &Nodes) -> Option<Duration> {
        let known = self.view.as_ref()?.nodes();
        let usable = known
            .iter()
            .filter(|health| health.is_usable() && group.endpoints.contains_key(&health.node.name));
        let mut latencies: Vec<_> = usable.filter_map(|health| health.latency).collect();
        latencies.sort_unstable();
        let middle = latencies.len().saturating_sub(1) / 2;
        latencies.get(middle).copied()
    }
}
