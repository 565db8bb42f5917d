//! What an edge runs on until the next reload: services, who its peers and shields are, and how
//! to reach them. Immutable but for the health that its view keeps.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use http::request;
use perigee_cluster::{Credential, Markers, Node, NodeName, Prober, Ring, Role, View, vouch};
use perigee_proxy::{
    Endpoint, EndpointConfig, EndpointLimits, Hop, Inbound, Metrics, NextHop, NextHopStatus, Route,
    Scheme, Sender, Services, Target, add_claims,
};

use crate::Config;

/// Peers that are asked for one request before this node stands in for the owner.
const MAX_PEERS_ASKED: usize = 2;

/// The state of one edge.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) services: Services,
    pub(crate) credential: Option<Arc<Credential>>,
    peers: Tier,
    shields: Tier,
    view: Option<Arc<View>>,
}

/// The nodes of one tier, by key.
struct Tier {
    ring: Ring,
    /// Each with what it was built from.
    endpoints: HashMap<NodeName, (EndpointConfig, Arc<Endpoint>)>,
}

impl State {
    /// Builds the state; what `before` has and did not change is kept.
    ///
    /// # Errors
    /// A text that says which origin or secret cannot be used.
    pub(crate) fn build(
        config: Config,
        metrics: &Metrics,
        before: Option<&State>,
    ) -> Result<Self, String> {
        let services = Services::build(
            config.services.clone(),
            metrics,
            before.map(|b| &b.services),
        )
        .map_err(|e| e.to_string())?;
        let credential = match &config.secret {
            None => None,
            Some(secret) => Some(Arc::new(
                Credential::new(secret, config.node.as_str()).map_err(|e| e.0)?,
            )),
        };
        let peers = Tier::build(&config.peers, &config.tier_limits, before.map(|b| &b.peers))?;
        let shields = Tier::build(
            &config.shields,
            &config.tier_limits,
            before.map(|b| &b.shields),
        )?;
        let view = view(&config, credential.as_ref(), before);
        Ok(State {
            config,
            services,
            credential,
            peers,
            shields,
            view,
        })
    }

    /// What this edge thinks of the places it sends requests to.
    pub(crate) fn next_hops(&self) -> Vec<NextHopStatus> {
        let nodes = self.view.iter().flat_map(|view| {
            let nodes = view.nodes();
            nodes
                .iter()
                .map(|health| NextHopStatus {
                    name: health.node.name.to_string(),
                    kind: match health.node.role {
                        Role::Edge => "peer",
                        Role::Shield => "shield",
                        Role::GeoDns => "geodns",
                    }
                    .to_owned(),
                    usable: health.is_usable(),
                    error: health.error.clone(),
                })
                .collect::<Vec<_>>()
        });
        nodes.chain(self.services.origin_status()).collect()
    }

    fn is_usable(&self, name: &NodeName) -> bool {
        self.view.as_ref().is_some_and(|view| view.is_usable(name))
    }

    /// The usable peers that own a key before this node does. Empty: it is this node's.
    fn owners_before_self(&self, key_hash: u64) -> Vec<Hop> {
        self.peers
            .ring
            .owners(key_hash)
            .take_while(|name| **name != self.config.node)
            .filter(|name| self.is_usable(name))
            .filter_map(|name| self.peers.endpoints.get(name))
            .take(MAX_PEERS_ASKED)
            .map(|(_, endpoint)| Hop::Peer(Arc::clone(endpoint)))
            .collect()
    }

    fn shields_then_origin(&self, inbound: &Inbound, key_hash: u64) -> Vec<Hop> {
        let shields = self.shields.ring.owners(key_hash);
        shields
            .filter(|name| self.is_usable(name))
            .filter_map(|name| self.shields.endpoints.get(name))
            .map(|(_, endpoint)| Hop::Shield(Arc::clone(endpoint)))
            .chain([Hop::Origin(Arc::clone(&inbound.service.origins))])
            .collect()
    }
}

impl NextHop for State {
    fn route(&self, inbound: &Inbound) -> Route {
        let key_hash = inbound.key.stable_hash();
        // What a node sends has had its hop sideways.
        let sideways = match inbound.sender {
            Sender::Client => self.owners_before_self(key_hash),
            Sender::Node => Vec::new(),
        };
        Route {
            sideways,
            up: self.shields_then_origin(inbound, key_hash),
        }
    }

    fn stamp(&self, inbound: &Inbound, hop: &Hop, request: &mut request::Parts) {
        match (hop, &self.credential) {
            (Hop::Origin(_), _) => {
                add_claims(
                    &mut request.headers,
                    inbound.client,
                    inbound.scheme.as_str(),
                );
            }
            (_, None) => {}
            (_, Some(credential)) => {
                let markers = Markers {
                    from: Role::Edge,
                    https: inbound.scheme == Scheme::Https,
                    client: inbound.client,
                };
                vouch(credential, &markers, request, SystemTime::now());
            }
        }
    }

    fn failed(&self, hop: &Hop) {
        if let (Hop::Peer(endpoint) | Hop::Shield(endpoint), Some(view)) = (hop, &self.view) {
            view.report_failure(&NodeName::from(endpoint.name()));
        }
    }
}

impl Tier {
    fn build(
        nodes: &[Node],
        limits: &EndpointLimits,
        before: Option<&Tier>,
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
        let ring = Ring::new(nodes.iter().map(|node| (&node.name, node.weight)));
        Ok(Tier { ring, endpoints })
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

/// Watches peers and shields: all nodes but this one. A view that is there already goes on, so
/// that what it knows is not lost.
fn view(
    config: &Config,
    credential: Option<&Arc<Credential>>,
    before: Option<&State>,
) -> Option<Arc<View>> {
    let others = config.peers.iter().chain(&config.shields);
    let nodes: Vec<Node> = others
        .filter(|node| node.name != config.node)
        .cloned()
        .collect();
    let same_watch = |b: &&State| b.config.view == config.view && b.config.secret == config.secret;
    let kept = before.filter(same_watch).and_then(|b| b.view.as_ref());
    if let Some(view) = kept {
        view.set_nodes(nodes);
        return Some(Arc::clone(view));
    }
    let credential = Arc::clone(credential?);
    let prober = Prober::new(credential, config.view.timeout);
    Some(View::start(nodes, prober, config.view.clone()))
}
