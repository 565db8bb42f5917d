//! An immutable picture of all nodes, made when something changes and read on the request path.

use std::{collections::HashMap, sync::Arc, time::Duration};

use perigee_health::{is_believed, slow_start};

use super::{ViewConfig, group::Group, watched::Watched};
use crate::{Node, NodeHealth, NodeName};

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) nodes: Arc<Vec<NodeHealth>>,
    /// Where each name is in `nodes`.
    index: HashMap<NodeName, usize>,
    /// The groups of which so few look alive that it is not believed, and whether any does.
    doubted: HashMap<Group, bool>,
    /// Who has come a short while ago, and when, in seconds since the view began. Mostly empty.
    newcomers: HashMap<NodeName, f64>,
}

impl Known {
    /// What is known of these; `own` is the node that watches, which is well as far as it knows.
    pub(super) fn new<'w>(
        watched: impl Iterator<Item = &'w Watched> + Clone,
        own: Option<&Node>,
        config: &ViewConfig,
        now: Duration,
    ) -> Self {
        let nodes: Vec<NodeHealth> = watched.clone().map(|w| w.health.clone()).collect();
        let index = nodes.iter().enumerate();
        Known {
            index: index
                .map(|(index, health)| (health.node.name.clone(), index))
                .collect(),
            doubted: doubted(&nodes, own, config),
            newcomers: newcomers(watched, own, config, now),
            nodes: Arc::new(nodes),
        }
    }

    pub(super) fn get(&self, name: &NodeName) -> Option<&NodeHealth> {
        self.nodes.get(*self.index.get(name)?)
    }

    /// Whether enough of its group look alive for the rest to be believed dead.
    pub(super) fn is_believed(&self, node: &Node) -> bool {
        self.doubted.is_empty() || !self.doubted.contains_key(&Group::of(node))
    }

    /// Whether its group is not believed to be nearly dead, though one of it looks alive.
    pub(super) fn is_doubted_by_one_alive(&self, node: &Node) -> bool {
        !self.doubted.is_empty() && self.doubted.get(&Group::of(node)) == Some(&true)
    }

    /// The share of its keys that a node is to be given. The time is asked for only if it matters.
    pub(super) fn share(
        &self,
        name: &NodeName,
        config: &ViewConfig,
        now: impl Fn() -> Duration,
    ) -> f64 {
        self.newcomers.get(name).map_or(1.0, |came| {
            let age = (now().as_secs_f64() - came).max(0.0);
            slow_start(Duration::from_secs_f64(age), config.slow_start)
        })
    }
}

fn doubted(nodes: &[NodeHealth], own: Option<&Node>, config: &ViewConfig) -> HashMap<Group, bool> {
    let mut counts: HashMap<Group, (usize, usize)> = HashMap::new();
    let others = nodes.iter().map(|health| (&health.node, health.up));
    for (node, up) in others.chain(own.map(|own| (own, true))) {
        let (healthy, total) = counts.entry(Group::of(node)).or_default();
        *healthy += usize::from(up);
        *total += 1;
    }
    counts
        .into_iter()
        .filter(|(_, (healthy, total))| !is_believed(*healthy, *total, config.panic))
        .map(|(group, (healthy, _))| (group, healthy > 0))
        .collect()
}

/// Those who have come back, or started, a short while ago, when most of their group had already
/// been there for a while: these have what the newcomer lacks. Where most came together, nobody is
/// slowed.
fn newcomers<'w>(
    watched: impl Iterator<Item = &'w Watched>,
    own: Option<&Node>,
    config: &ViewConfig,
    now: Duration,
) -> HashMap<NodeName, f64> {
    let mut groups: HashMap<Group, Vec<(&NodeName, Option<f64>)>> = HashMap::new();
    let others = watched
        .filter(|watched| watched.health.up)
        .map(|watched| (&watched.health.node, watched.since));
    // It began to watch when it started.
    for (node, since) in others.chain(own.map(|own| (own, Some(0.0)))) {
        let group = groups.entry(Group::of(node)).or_default();
        group.push((&node.name, since));
    }
    let settle = config.slow_start.as_secs_f64();
    let is_new = |came: &f64| now.as_secs_f64() - came < settle;
    let mut newcomers = HashMap::new();
    for members in groups.values() {
        for (name, since) in members {
            if let Some(came) = since.filter(is_new)
                && found_most_settled(members, came, settle)
            {
                newcomers.insert((*name).clone(), came);
            }
        }
    }
    newcomers
}

/// Whether of the others who are up at least half had been there for a while when one came.
fn found_most_settled(members: &[(&NodeName, Option<f64>)], came: f64, settle: f64) -> bool {
    let was_settled = |since: &Option<f64>| since.is_some_and(|since| since + settle <= came);
    let settled = members.iter().filter(|(_, since)| was_settled(since));
    let settled = settled.count();
    settled > 0 && 2 * settled + 1 >= members.len()
}

#[cfg(test)]
mod tests;
