//! The nodes of one tier: who owns which key, and how to reach them.

use std::{collections::HashMap, sync::Arc};

use perigee_cluster::{Node, NodeName, Ring};
use perigee_proxy::{Endpoint, EndpointConfig, EndpointLimits, Target};

use crate::places;

/// The nodes of one tier, by key.
pub(super) struct Nodes {
    pub(super) ring: Ring,
    /// Each with what it was built from.
    pub(super) endpoints: HashMap<NodeName, (EndpointConfig, Arc<Endpoint>)>,
}

impl Nodes {
    pub(super) fn build(
        nodes: &[Node],
        limits: &EndpointLimits,
        before: Option<&Nodes>,
    ) -> Result<Self, String> {
        let mut endpoints = HashMap::new();
        for node in nodes {
            let config = endpoint_config(node, limits)?;
            let kept = before
                .and_then(|b| b.endpoints.get(&node.name))
                .filter(|(kept, _)| *kept == config);
            let endpoint = match kept {
                Some((_, endpoint)) => Arc::clone(endpoint),
                None => Endpoint::new(config.clone()).map_err(|e| e.to_string())?,
            };
            endpoints.insert(node.name.clone(), (config, endpoint));
        }
        let ring = places::ring(nodes);
        Ok(Nodes { ring, endpoints })
    }
}

fn endpoint_config(node: &Node, limits: &EndpointLimits) -> Result<EndpointConfig, String> {
    let base = format!("http://{}", node.address);
    Ok(EndpointConfig {
        name: node.name.to_string(),
        target: Target::Url {
            base: base.parse().map_err(|e| format!("{base}: {e}"))?,
            host: None,
            sni: None,
            ca_file: None,
        },
        limits: limits.clone(),
    })
}
