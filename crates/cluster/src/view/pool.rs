//! The nodes that are watched, and the tasks that probe them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ViewConfig,
    entries::{Entries, Entry, Probes, Suspicion},
    known::Known,
    watched::{Seen, Watched},
};
use crate::{Node, NodeName, Prober};

/// What the view and its probes share.
pub(super) struct Pool {
    prober: Prober,
    config: ViewConfig,
    /// When the view began: all other times are counted from there.
    began: Instant,
    entries: Mutex<Entries>,
    /// What `entries` look like from outside. Replaced under their lock, read without.
    known: ArcSwap<Known>,
    changes: watch::Sender<u64>,
}

impl Pool {
    /// A pool without nodes.
    pub(super) fn new(prober: Prober, config: ViewConfig) -> Self {
        Pool {
            prober,
            config,
            began: Instant::now(),
            entries: Mutex::default(),
            known: ArcSwap::default(),
            changes: watch::Sender::new(0),
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

    pub(super) fn share(&self, name: &NodeName) -> f64 {
        self.known().share(name, &self.config, || self.now())
    }

    pub(super) fn set_nodes(self: &Arc<Self>, nodes: Vec<Node>, runtime: &Handle) {
        let (mut entries, now) = (self.entries(), self.now());
        let own_before = entries.own.take();
        let mut old: HashMap<NodeName, Entry> = entries
            .list
            .drain(..)
            .map(|entry| (entry.watched.health.node.name.clone(), entry))
            .collect();
        for node in nodes {
            if node.name.as_str() == self.prober.node() {
                entries.own = Some(node);
                continue;
            }
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
        let same = entries.own == own_before && entries.healths().eq(self.known().nodes.iter());
        if !same {
            self.show(&mut entries, Seen::State, now);
        }
    }

    pub(super) fn report_failure(&self, name: &NodeName) {
        let (mut entries, now) = (self.entries(), self.now());
        if let Some(entry) = entries.find(name) {
            let seen = entry.failed(now);
            self.show(&mut entries, seen, now);
        }
    }

    /// Begins to probe a node that is waited for, unless that is under way.
    pub(super) fn suspect(self: &Arc<Self>, name: &NodeName, runtime: &Handle) {
        let (mut entries, now) = (self.entries(), self.now());
        let Some(entry) = entries.find(name) else {
            return;
        };
        if !entry.watched.health.up || entry.suspicion.probes.is_some() {
            return;
        }
        let apart = self.config.suspect_timeout / 2;
        let begin = entry.suspicion.began.map_or(now, |b| now.max(b + apart));
        let node = entry.watched.health.node.clone();
        let probes = probe_suspect(Arc::clone(self), entry.id, node, begin - now);
        entry.suspicion = Suspicion {
            probes: Some(Probes(runtime.spawn(probes).abort_handle())),
            began: Some(begin),
        };
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
            watched: Watched::new(node, &self.config),
            _probes: Probes(runtime.spawn(probes).abort_handle()),
            suspicion: Suspicion::default(),
        }
    }

    /// Probes a node once, and takes in what comes of it.
    async fn probe(&self, id: u64, node: &Node, timeout: Duration) -> Probed {
        let sent = Instant::now();
        let result = self.prober.probe_within(node, timeout).await;
        let round_trip = sent.elapsed();
        let (mut entries, now) = (self.entries(), self.now());
        let Some(entry) = entries.find_id(id) else {
            return Probed::Over;
        };
        let (effect, answered) = match result {
            Ok(readiness) => (entry.watched.answered(readiness, round_trip, now), true),
            Err(error) => (entry.watched.failed(error, now), false),
        };
        let seen = entry.tell(effect);
        let is_open = !answered && entry.watched.health.up;
        self.show(&mut entries, seen, now);
        match is_open {
            true => Probed::Open,
            false => Probed::Over,
        }
    }

    /// Shows others what is seen of a change: at once, or figures alone once in an interval.
    fn show(&self, entries: &mut Entries, seen: Seen, now: Duration) {
        let is_due = now >= entries.shown + self.config.interval;
        if seen == Seen::Nothing || (seen == Seen::Figures && !is_due) {
            return;
        }
        entries.shown = now;
        let known = Known::new(entries.watched(), entries.own.as_ref(), &self.config, now);
        self.known.store(Arc::new(known));
        if seen == Seen::State {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Since the view began.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// They are whole after each change of one, so a panic elsewhere does not spoil them.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a probe means for the suspicion that a node has frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probed {
    /// It did not answer, and is still believed up.
    Open,
    /// It answered, or is down now, or is not watched any more.
    Over,
}

/// Probes one node until it is stopped.
async fn probe_always(pool: Arc<Pool>, id: u64, node: Node) {
    let interval = pool.config.interval.max(Duration::from_millis(1));
    let delay = first_delay(pool.prober.node(), node.name.as_str(), interval);
    let mut ticks = interval_at(Instant::now() + delay, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        pool.probe(id, &node, pool.config.timeout).await;
    }
}

/// Probes a node that is waited for, with little patience, until it answers or is down.
async fn probe_suspect(pool: Arc<Pool>, id: u64, node: Node, delay: Duration) {
    sleep(delay).await;
    let patience = pool.config.suspect_timeout;
    while pool.probe(id, &node, patience).await == Probed::Open {}
    if let Some(entry) = pool.entries().find_id(id) {
        entry.suspicion.probes = None;
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
