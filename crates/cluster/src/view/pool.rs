//! The nodes that are watched, and the tasks that probe them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use perigee_health::Change;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    NodeHealth, ViewConfig,
    known::Known,
    watched::{Effect, Watched},
};
use crate::{Node, NodeName, ProbeError, Prober, Readiness};

/// What the view and its probes share.
pub(super) struct Pool {
    prober: Prober,
    config: ViewConfig,
    entries: Mutex<Entries>,
    /// What `entries` look like from outside. Replaced under their lock, read without.
    known: ArcSwap<Known>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    /// In the order they were given, each name once.
    list: Vec<Entry>,
    /// For the next node, so that a late probe of one that left is not taken for another's.
    next_id: u64,
}

struct Entry {
    id: u64,
    watched: Watched,
    /// Held for its drop.
    _probes: Probes,
}

/// The probes of one node; dropped, they stop.
struct Probes(AbortHandle);

impl Drop for Probes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pool {
    /// A pool without nodes.
    pub(super) fn new(prober: Prober, config: ViewConfig) -> Self {
        Pool {
            prober: prober.with_timeout(config.timeout),
            entries: Mutex::default(),
            known: ArcSwap::from_pointee(Known::new(Vec::new(), config.panic)),
            changes: watch::Sender::new(0),
            config,
        }
    }

    pub(super) fn config(&self) -> &ViewConfig {
        &self.config
    }

    pub(super) fn known(&self) -> Guard<Arc<Known>> {
        self.known.load()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn set_nodes(self: &Arc<Self>, nodes: Vec<Node>, runtime: &Handle) {
        let mut entries = self.entries();
        let mut old: HashMap<NodeName, Entry> = entries
            .list
            .drain(..)
            .map(|entry| (entry.watched.health.node.name.clone(), entry))
            .collect();
        for node in nodes {
            if entries.find(&node.name).is_some() {
                tracing::warn!(%node.name, %node.address, "a second node of one name: not watched");
                continue;
            }
            let entry = match old.remove(&node.name) {
                Some(mut entry) if entry.watched.is_same(&node) => {
                    entry.watched.health.node = node;
                    entry
                }
                _ => self.start(&mut entries.next_id, node, runtime),
            };
            entries.list.push(entry);
        }
        if !entries.healths().eq(self.known().nodes.iter()) {
            self.publish(&entries);
        }
    }

    pub(super) fn report_failure(&self, name: &NodeName) {
        let mut entries = self.entries();
        if let Some(entry) = entries.find(name) {
            let error = ProbeError::new(&entry.watched.health.node, "a request to it failed");
            if entry.observe(Err(error)) {
                self.publish(&entries);
            }
        }
    }

    /// Not yet more than the next probe.
    pub(super) fn suspect(&self, _name: &NodeName) {}

    pub(super) fn share(&self, _name: &NodeName) -> f64 {
        1.0
    }

    /// Ends all probes.
    pub(super) fn stop(&self) {
        self.entries().list.clear();
    }

    fn start(self: &Arc<Self>, next_id: &mut u64, node: Node, runtime: &Handle) -> Entry {
        let id = *next_id;
        *next_id += 1;
        let probes = probe_always(Arc::clone(self), id, node.clone());
        Entry {
            id,
            watched: Watched::new(node, self.config.thresholds),
            _probes: Probes(runtime.spawn(probes).abort_handle()),
        }
    }

    fn take_in(&self, id: u64, result: Result<Readiness, ProbeError>) {
        let mut entries = self.entries();
        let entry = entries.list.iter_mut().find(|entry| entry.id == id);
        if entry.is_some_and(|entry| entry.observe(result)) {
            self.publish(&entries);
        }
    }

    fn publish(&self, entries: &Entries) {
        let nodes = entries.healths().cloned().collect();
        let known = Known::new(nodes, self.config.panic);
        self.known.store(Arc::new(known));
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// They are whole after each change of one, so a panic elsewhere does not spoil them.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn find(&mut self, name: &NodeName) -> Option<&mut Entry> {
        self.list
            .iter_mut()
            .find(|entry| entry.watched.health.node.name == *name)
    }

    fn healths(&self) -> impl Iterator<Item = &NodeHealth> {
        self.list.iter().map(|entry| &entry.watched.health)
    }
}

impl Entry {
    /// Whether others see a difference.
    fn observe(&mut self, result: Result<Readiness, ProbeError>) -> bool {
        let Effect { opinion, visible } = self.watched.observe(result);
        let NodeHealth { node, error, .. } = &self.watched.health;
        match opinion {
            Some(Change::WentUp) => tracing::info!(%node.name, "node is up"),
            Some(Change::WentDown) => tracing::warn!(%node.name, error, "node is down"),
            None => {}
        }
        visible
    }
}

/// Probes one node until it is stopped.
async fn probe_always(pool: Arc<Pool>, id: u64, node: Node) {
    let interval = pool.config.interval.max(Duration::from_millis(1));
    let delay = first_delay(pool.prober.node(), node.name.as_str(), interval);
    let mut ticks = interval_at(Instant::now() + delay, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let result = pool.prober.probe(&node).await;
        pool.take_in(id, result);
    }
}

/// Up to a quarter of the interval, another for each pair, so that neither the probes of one node
/// nor those that reach it from all others go out at the same moment.
fn first_delay(from: &str, to: &str, interval: Duration) -> Duration {
    let spread = xxh3_64(format!("{from}>{to}").as_bytes()) as f64 / 2f64.powi(64);
    interval.mul_f64(spread / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_probes_are_spread_over_a_quarter_of_the_interval() {
        let interval = Duration::from_secs(4);
        let mut delays: Vec<_> = (0..50)
            .map(|i| first_delay(&format!("edge-{i}"), "shield-1", interval))
            .collect();
        assert!(delays.iter().all(|delay| *delay <= interval / 4));
        delays.sort_unstable();
        assert!(delays[9] < interval / 8 && delays[40] > interval / 8);
        assert_eq!(
            first_delay("a", "b", interval),
            first_delay("a", "b", interval)
        );
        assert_ne!(
            first_delay("a", "b", interval),
            first_delay("b", "a", interval)
        );
    }
}
