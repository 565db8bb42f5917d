//! The nodes of one tier: who owns which key, and how to reach them.

use std::{collections::HashMap, sync::Arc};

use perigee_cluster::{Node, NodeName, Ring, Trust, server_name};
use perigee_proxy::{Endpoint, EndpointConfig, EndpointLimits, NodeTls, Target};

use crate::places;

/// The nodes of one tier, by key.
pub(super) struct Nodes {
    pub(super) ring: Ring,
    /// Each with what it was built from.
    pub(super) endpoints: HashMap<NodeName, (EndpointConfig, Arc<Endpoint>)>,
}

/// How nodes are reached.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub(super) limits: &'a EndpointLimits,
    pub(super) trust: Option<&'a Trust>,
}

impl Nodes {
    pub(super) fn build(nodes: &[Node], to: Reach<'_>, before: &[Nodes]) -> Result<Self, String> {
        let mut endpoints = HashMap::new();
        for node in nodes {
            let config = endpoint_config(node, to)?;
            let mut before = before.iter();
            let kept = before
                .find_map(|b| b.endpoints.get(&node.name))
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

    /// All of them, in the order of their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &NodeName> {
        self.ring.nodes()
    }
}

fn endpoint_config(node: &Node, to: Reach<'_>) -> Result<EndpointConfig, String> {
    let tls = match to.trust.and_then(Trust::tls) {
        None => None,
        Some(tls) => Some(NodeTls {
            config: Arc::clone(tls.client_config()),
            name: server_name(node.name.as_str())?,
        }),
    };
    Ok(EndpointConfig {
        name: node.name.to_string(),
        target: Target::Node {
            address: node.address,
            tls,
        },
        limits: to.limits.clone(),
    })
}
