//! Asks the edges what they have measured, as long as there is a name server.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

use ipnet::IpNet;
use perigee_cluster::{Node, NodeName, ProbeError, Prober, Trust};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::sleep,
};
use tracing::debug;

use super::{Shared, State, nodes};
use crate::{
    measured::{merge, until_next},
    place::Latencies,
};

/// Edges that are asked at once: each may tell a few megabytes.
const AT_ONCE: usize = 8;

/// How long an edge may take to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an edge has told.
type Answer = (NodeName, Result<Vec<(IpNet, f32)>, ProbeError>);

/// Asks all edges at once when it starts, and then at each multiple of the interval.
pub(super) async fn watch(shared: Weak<Shared>) {
    let mut kept: Option<(Arc<Trust>, Arc<Prober>)> = None;
    loop {
        let (config, trust, nodes) = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let state = shared.state();
            let (config, trust) = (state.config.measure.clone(), Arc::clone(&state.trust));
            (config, trust, nodes(&state.config))
        };
        if config.enabled {
            let same = kept.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &trust));
            let prober = same.map_or_else(
                || Arc::new(Prober::new(Arc::clone(&trust), PATIENCE)),
                |(_, prober)| Arc::clone(prober),
            );
            kept = Some((trust, Arc::clone(&prober)));
            let answers = ask(&prober, &nodes).await;
            let shared = shared.clone();
            // It sorts what may be some millions of times.
            let done = spawn_blocking(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.hear(answers, Instant::now());
                }
            });
            if done.await.is_err() {
                tracing::warn!("what edges have measured cannot be used");
            }
        }
        sleep(until_next(SystemTime::now(), config.interval)).await;
    }
}

/// What they tell, those that answer.
async fn ask(prober: &Arc<Prober>, nodes: &[Node]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for some in nodes.chunks(AT_ONCE) {
        let mut asking = JoinSet::new();
        for node in some.iter().cloned() {
            let prober = Arc::clone(prober);
            asking.spawn(async move {
                let told = prober.latencies(&node).await;
                (node.name, told.map(|told| told.prefixes))
            });
        }
        answers.append(&mut asking.join_all().await);
    }
    answers
}

impl Shared {
    /// Answers by what edges have told, if that changes anything.
    fn hear(&self, answers: Vec<Answer>, now: Instant) {
        let mut state = self.state();
        for (edge, answer) in answers {
            match answer {
                Ok(prefixes) => state.told.hear(edge, prefixes, now),
                // Whether it is up is watched by others; what it has told goes on for a while.
                Err(error) => debug!(%error, "an edge does not tell what it has measured"),
            }
        }
        let before = Arc::clone(&state.measured);
        state.measure(now);
        if *state.measured != *before {
            self.refresh(&state);
        }
    }
}

impl State {
    /// Merges what edges have told, for the PoPs of its configuration.
    pub(super) fn measure(&mut self, now: Instant) {
        let config = &self.config;
        let edges: HashSet<NodeName> = nodes(config).into_iter().map(|node| node.name).collect();
        self.told.forget(now, config.measure.keep, |edge| {
            config.measure.enabled && edges.contains(edge)
        });
        self.measured = Arc::new(Latencies::of(merge(config, &self.told)));
    }
}
