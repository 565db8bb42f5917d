//! What an edge runs on until the next reload: services, who its peers and shields are, and how
//! to reach them. Immutable but for the health that its view keeps.

use std::{collections::HashMap, future::pending, sync::Arc, time::SystemTime};

use http::request;
use perigee_cluster::{
    Caller, Credential, Markers, Node, NodeHealth, NodeName, Prober, Refused, Ring, Role, View,
    vouch,
};
use perigee_proxy::{
    Endpoint, EndpointConfig, EndpointLimits, Hop, Inbound, Lost, Metrics, NextHop, NextHopStatus,
    Origination, Route, Scheme, Sender, Services, Target, add_claims,
};
use perigee_server::{CertStore, Client};
use perigee_tier::{Admission, Listeners, State, told};

use crate::{Config, places};

/// Peers that are asked for one request before this node stands in for the owner.
const MAX_PEERS_ASKED: usize = 2;

/// The state of one edge.
pub struct EdgeState {
    config: Config,
    services: Services,
    credential: Option<Arc<Credential>>,
    peers: Nodes,
    shields: Nodes,
    view: Option<Arc<View>>,
}

/// The nodes of one tier, by key.
struct Nodes {
    ring: Ring,
    /// Each with what it was built from.
    endpoints: HashMap<NodeName, (EndpointConfig, Arc<Endpoint>)>,
}

impl State for EdgeState {
    type Config = Config;

    const ROLE: &'static str = "edge";

    fn build(config: Config, metrics: &Metrics, before: Option<&Self>) -> Result<Self, String> {
        let services = before.map(|b| &b.services);
        let services = Services::build(config.tier.services.clone(), metrics, services)
            .map_err(|e| e.to_string())?;
        let credential = match &config.secret {
            None => None,
            Some(secret) => Some(Arc::new(
                Credential::new(secret, config.tier.node.as_str()).map_err(|e| e.0)?,
            )),
        };
        let limits = &config.tier_limits;
        let peers = Nodes::build(&config.peers, limits, before.map(|b| &b.peers))?;
        let shields = Nodes::build(&config.shields, limits, before.map(|b| &b.shields))?;
        let view = view(&config, credential.as_ref(), before);
        Ok(EdgeState {
            config,
            services,
            credential,
            peers,
            shields,
            view,
        })
    }

    fn tls(config: &Config) -> Result<Listeners, String> {
        let tls_listen = config.tls_listen.clone();
        let certs = match tls_listen.is_empty() {
            true => None,
            false => Some(CertStore::load(&config.certificates).map_err(|e| e.to_string())?),
        };
        Ok(Listeners {
            tls_listen,
            certs: certs.map(Arc::new),
        })
    }

    fn common(config: &Config) -> &perigee_tier::Config {
        &config.tier
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn services(&self) -> &Services {
        &self.services
    }

    fn credential(&self) -> Option<&Credential> {
        self.credential.as_deref()
    }

    /// Anybody may ask an edge. Only what nodes say of a request is believed, and only with proof.
    fn admit(&self, caller: Result<Caller, Refused>, client: Client) -> Admission {
        match caller {
            Ok(Caller::Stranger) => {
                Admission::Enter(Origination::of_connection(client.address.ip(), client.tls))
            }
            Ok(Caller::Node(markers)) => Admission::Enter(told(&markers)),
            Ok(Caller::Prober) => Admission::Probe,
            Err(Refused::Expired) => Admission::Refuse(EXPIRED),
            Err(_) => Admission::Refuse("this proof of membership is not good"),
        }
    }

    fn next_hops(&self) -> Vec<NextHopStatus> {
        let nodes = self.view.as_ref().map(|view| view.nodes());
        let nodes = nodes.iter().flat_map(|nodes| nodes.iter()).map(node_status);
        nodes.chain(self.services.origin_status()).collect()
    }
}

const EXPIRED: &str = "this proof of membership is too old or too new: do the clocks differ?";

fn node_status(health: &NodeHealth) -> NextHopStatus {
    let kind = match health.node.role {
        Role::Edge => "peer",
        Role::Shield => "shield",
        Role::GeoDns => "geodns",
    };
    NextHopStatus {
        name: health.node.name.to_string(),
        kind: kind.to_owned(),
        usable: health.is_usable(),
        error: health.error.clone(),
    }
}

impl EdgeState {
    fn is_usable(&self, name: &NodeName) -> bool {
        self.view.as_ref().is_some_and(|view| view.is_usable(name))
    }

    /// The usable peers that own a key before this node does. Empty: it is this node's.
    fn owners_before_self(&self, key_hash: u64) -> Vec<Hop> {
        self.peers
            .ring
            .owners(key_hash)
            .take_while(|name| **name != self.config.tier.node)
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

impl NextHop for EdgeState {
    fn route(&self, inbound: &Inbound) -> Route {
        let key_hash = inbound.place();
        // What a node sends has had its hop sideways.
        let sideways = match inbound.sender {
            Sender::Client => self.owners_before_self(key_hash),
            Sender::Node => Vec::new(),
        };
        Route {
            sideways,
            up: self.shields_then_origin(inbound, key_hash),
            keep_copy: false,
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
                if !inbound.tells_scheme() {
                    request.headers.remove("x-forwarded-proto");
                }
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

    fn suspect(&self, hop: &Hop) {
        if let (Hop::Peer(endpoint) | Hop::Shield(endpoint), Some(view)) = (hop, &self.view) {
            view.suspect(&NodeName::from(endpoint.name()));
        }
    }

    fn lost<'a>(&'a self, hop: &'a Hop) -> Lost<'a> {
        match (hop, &self.view) {
            (Hop::Peer(endpoint) | Hop::Shield(endpoint), Some(view)) => {
                Box::pin(until_down(view, endpoint.name()))
            }
            _ => Box::pin(pending()),
        }
    }
}

/// A node that drains is not down: it answers what it has begun.
async fn until_down(view: &View, name: &str) {
    let mut changes = view.subscribe();
    let is_down = |node: &NodeHealth| node.node.name.as_str() == name && !node.up;
    while !view.nodes().iter().any(is_down) {
        if changes.changed().await.is_err() {
            return pending().await;
        }
    }
}

impl Nodes {
    fn build(
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

/// Watches peers and shields: all nodes but this one. A view that is there already goes on, so
/// that what it knows is not lost.
fn view(
    config: &Config,
    credential: Option<&Arc<Credential>>,
    before: Option<&EdgeState>,
) -> Option<Arc<View>> {
    let others = config.peers.iter().chain(&config.shields);
    let nodes: Vec<Node> = others
        .filter(|node| node.name != config.tier.node)
        .cloned()
        .collect();
    let same_watch =
        |b: &&EdgeState| b.config.view == config.view && b.config.secret == config.secret;
    let kept = before.filter(same_watch).and_then(|b| b.view.as_ref());
    if let Some(view) = kept {
        view.set_nodes(nodes);
        return Some(Arc::clone(view));
    }
    let credential = Arc::clone(credential?);
    let prober = Prober::new(credential, config.view.timeout);
    Some(View::start(nodes, prober, config.view.clone()))
}
