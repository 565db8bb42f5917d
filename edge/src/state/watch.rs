//! The health of peers and shields.

use std::sync::Arc;

use perigee_cluster::{Node, NodeHealth, Prober, Role, Trust, View};
use perigee_proxy::NextHopStatus;

use super::EdgeState;
use crate::Config;

/// Watches peers and shields; of the peers, this node itself tells which group it is of. A view that
/// is there already goes on, so that what it knows is not lost.
pub(super) fn view(
    config: &Config,
    trust: Option<&Arc<Trust>>,
    before: Option<&EdgeState>,
) -> Option<Arc<View>> {
    let nodes = config.peers.iter().chain(&config.shields);
    let nodes: Vec<Node> = nodes.cloned().collect();
    let same_watch =
        |b: &&EdgeState| b.config.view == config.view && b.config.tier.trust == config.tier.trust;
    let kept = before.filter(same_watch).and_then(|b| b.view.as_ref());
    if let Some(view) = kept {
        view.set_nodes(nodes);
        return Some(Arc::clone(view));
    }
    let prober = Prober::new(Arc::clone(trust?), config.view.timeout);
    Some(View::start(nodes, prober, config.view.clone()))
}

pub(super) fn status(health: &NodeHealth) -> NextHopStatus {
    let kind = match health.node.role {
        Role::Edge => "peer",
        Role::Shield => "shield",
        Role::GeoDns => "geodns",
    };
    NextHopStatus {
        name: health.node.name.to_string(),
        kind: kind.to_owned(),
        usable: health.is_usable(),
        draining: health.is_draining(),
        error: health.error.clone(),
        latency_ms: health
            .latency
            .map(|latency| latency.as_secs_f64() * 1_000.0),
    }
}
