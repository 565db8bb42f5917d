//! Where a request goes from an edge.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use http::header;
use perigee_cluster::{Markers, NodeName, Role, Standing, vouch};
use perigee_proxy::{
    Hop, Inbound, Lost, NextHop, Outgoing, PassedOver, Route, Scheme, Sender, Why, add_claims,
};

use super::EdgeState;

/// Peers that are asked for one request before this node stands in for the owner.
const MAX_PEERS_ASKED: usize = 2;

impl EdgeState {
    /// Where too many look dead, those who do are tried, too; where all do, there is the origin.
    pub(super) fn is_usable(&self, name: &NodeName) -> bool {
        self.view.as_ref().is_some_and(|view| view.may_try(name))
    }

    /// What an edge of this PoP can take now; `None` if it is not usable. This node's own part is
    /// what it answers its clients as the owner: that compares with what it sends each of the others.
    /// One that drains owns nothing: the others go round it already.
    fn standing(&self, name: &NodeName) -> Option<Standing> {
        let share = |name| self.view.as_ref().map_or(1.0, |view| view.share(name));
        if *name == self.config.tier.node {
            let is_leaving = self.leaving.load(Ordering::Relaxed);
            return (!is_leaving).then(|| Standing {
                share: share(name),
                load: self.own.load(Ordering::Relaxed),
            });
        }
        let (_, endpoint) = self.peers.endpoints.get(name)?;
        self.is_usable(name).then(|| Standing {
            share: share(name),
            load: endpoint.in_flight() as u64,
        })
    }

    /// The peers that are to be asked for a key before this node stands in, and who owns it if that
    /// one is not among the first. No peers: it is for this node to answer.
    fn sideways(&self, key_hash: u64) -> (Vec<Hop>, Option<PassedOver>) {
        let (ring, own) = (&self.peers.ring, &self.config.tier.node);
        if ring.nodes().len() == 0 {
            return (Vec::new(), None);
        }
        let bound = self.config.load_bound;
        let mut order = ring
            .owners_within(key_hash, bound, |name| self.standing(name))
            .peekable();
        let first = order.peek().copied();
        let owner = ring
            .owners(key_hash)
            .find_map(|name| Some((name, self.standing(name)?)));
        let passed_over = owner
            .filter(|(name, _)| first.is_some_and(|first| first != *name))
            .map(|(name, standing)| PassedOver {
                name: name.to_string(),
                why: match standing.share < 1.0 && standing.load < bound.floor {
                    true => Why::Returning,
                    false => Why::Overloaded,
                },
            });
        let hops = order
            .take_while(|name| *name != own)
            .filter_map(|name| self.peers.endpoints.get(name))
            .take(MAX_PEERS_ASKED)
            .map(|(_, endpoint)| Hop::Peer(Arc::clone(endpoint)))
            .collect();
        (hops, passed_over)
    }
}

impl NextHop for EdgeState {
    fn route(&self, inbound: &Inbound) -> Route {
        let key_hash = inbound.place();
        // What a node sends has had its hop sideways.
        let (sideways, passed_over) = match inbound.sender {
            Sender::Client => self.sideways(key_hash),
            Sender::Node => (Vec::new(), None),
        };
        let is_own = inbound.sender == Sender::Client && sideways.is_empty();
        Route {
            sideways,
            up: self.upward(inbound, key_hash),
            passed_over,
            own: is_own.then(|| Arc::clone(&self.own)),
        }
    }

    fn stamp(&self, inbound: &Inbound, hop: &Hop, request: &mut Outgoing) {
        match (hop, &self.trust) {
            (Hop::Origin(_), _) => {
                add_claims(&mut request.fields, inbound.client, inbound.told_scheme());
            }
            (_, None) => {}
            (_, Some(trust)) => {
                let markers = Markers {
                    from: Role::Edge,
                    https: inbound.scheme == Scheme::Https,
                    client: inbound.client,
                };
                let host = request.fields.get(&header::HOST);
                let (method, uri) = (&request.method, &request.uri);
                let fields = vouch(trust, &markers, (method, uri, host), SystemTime::now());
                for (name, value) in fields {
                    request.fields.add(name, value);
                }
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
