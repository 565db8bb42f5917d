//! Where a request goes from an edge.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use http::request;
use perigee_cluster::{Markers, NodeName, Role, vouch};
use perigee_proxy::{Hop, Inbound, Lost, NextHop, Route, Scheme, Sender, add_claims};

use super::EdgeState;

/// Peers that are asked for one request before this node stands in for the owner.
const MAX_PEERS_ASKED: usize = 2;

impl EdgeState {
    /// Where too many look dead, those who do are tried, too; where all do, there is the origin.
    fn is_usable(&self, name: &NodeName) -> bool {
        self.view.as_ref().is_some_and(|view| view.may_try(name))
    }

    /// The usable peers that own a key before this node does. Empty: it is this node's. One that
    /// drains owns nothing: the others go round it already.
    fn owners_before_self(&self, key_hash: u64) -> Vec<Hop> {
        let own = &self.config.tier.node;
        let leaving = self.leaving.load(Ordering::Relaxed);
        self.peers
            .ring
            .owners(key_hash)
            .take_while(|name| leaving || *name != own)
            .filter(|name| *name != own && self.is_usable(name))
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
        match (hop, &self.trust) {
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
            (_, Some(trust)) => {
                let markers = Markers {
                    from: Role::Edge,
                    https: inbound.scheme == Scheme::Https,
                    client: inbound.client,
                };
                vouch(trust, &markers, request, SystemTime::now());
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
                let name = NodeName::from(endpoint.name());
                Box::pin(async move { view.until_lost(&name).await })
            }
            _ => Box::pin(pending()),
        }
    }
}
