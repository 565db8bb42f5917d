//! Why a client is answered what it is answered.

use std::{net::IpAddr, time::SystemTime};

use ipnet::IpNet;
use perigee_dns_wire::Name;
use serde::Serialize;

use crate::{
    place::{At, FoundBy, Located, Point},
    policy::{Candidate, Chosen, Client, Facts, Memo, Policy, candidates, choose},
    snapshot::{EdgeState, Family, Snapshot},
    zone::{Found, ZoneService},
};

/// Why a client is answered what it is answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The name asked for.
    pub name: String,
    /// The client's network.
    pub client: IpNet,
    /// What the name is: a service, something else in the zone, or nothing here.
    pub kind: &'static str,
    /// How the client's place was found: by `network`, `database`, or not: `unknown`.
    pub found_by: &'static str,
    /// The configured network that it is in.
    pub network: Option<IpNet>,
    /// Its place.
    pub place: Option<Point>,
    /// Whether the health of edges is believed; if not, all are answered.
    pub health_believed: bool,
    /// The PoPs, nearest first.
    pub candidates: Vec<ExplainedPop>,
    /// What is answered to A; nothing for names that are no service.
    pub a: Option<ExplainedAnswer>,
    /// What is answered to AAAA.
    pub aaaa: Option<ExplainedAnswer>,
}

/// A PoP that could answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedPop {
    /// Its name.
    pub pop: String,
    /// Its distance from the client, if the client's place is known.
    pub distance_km: Option<f64>,
    /// Its edges.
    pub edges: Vec<ExplainedEdge>,
}

/// An edge that could be answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedEdge {
    /// Its name.
    pub node: String,
    /// Whether it is believed to answer.
    pub up: bool,
    /// Up, and not draining.
    pub usable: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedAnswer {
    /// The PoP; `None` is NODATA.
    pub pop: Option<String>,
    /// The addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// The length of the client's prefix for which this holds.
    pub scope: u8,
}

/// Explains what `client` is answered for `name`.
pub(crate) fn explain(
    snapshot: &Snapshot,
    name: &str,
    client: IpNet,
    now: SystemTime,
) -> Explanation {
    let asker = match client.prefix_len() {
        0 => Client::Withheld,
        _ => Client::Subnet(client.trunc()),
    };
    let (kind, service) = find(snapshot, name);
    let mut facts = Facts::new(snapshot, asker);
    let candidates = match service {
        Some(service) => candidates(snapshot, &service.policy, &mut facts),
        None => candidates(snapshot, &Policy::nearest(snapshot.pops.len()), &mut facts),
    };
    let (found_by, network, place) = describe(snapshot, &facts.located());
    let answer = |family| {
        service.map(|service| {
            let chosen = choose(snapshot, service, family, asker, now, &mut Memo::none());
            ExplainedAnswer::new(snapshot, chosen)
        })
    };
    Explanation {
        name: name.to_owned(),
        client,
        kind,
        found_by,
        network,
        place,
        health_believed: snapshot.believed,
        a: answer(Family::V4),
        aaaa: answer(Family::V6),
        candidates: candidates
            .into_iter()
            .map(|candidate| ExplainedPop::new(snapshot, candidate, place))
            .collect(),
    }
}

fn find<'s>(snapshot: &'s Snapshot, name: &str) -> (&'static str, Option<&'s ZoneService>) {
    let Ok(name) = name.parse::<Name>() else {
        return ("not a domain name", None);
    };
    match snapshot.zone.lookup(&name) {
        Found::Node { node, .. } if node.service.is_some() => ("service", node.service.as_ref()),
        Found::Node { .. } => ("in the zone, but not a service", None),
        Found::Delegated(_) => ("given to other name servers", None),
        Found::Missing => ("not in the zone: NXDOMAIN", None),
        Found::Outside => ("outside the zone: REFUSED", None),
    }
}

fn describe(
    snapshot: &Snapshot,
    located: &Located,
) -> (&'static str, Option<IpNet>, Option<Point>) {
    let point = match located.at {
        None => None,
        Some(At::Point(point)) => Some(point),
        Some(At::Pop(pop)) => snapshot.pops.get(pop).and_then(|pop| pop.point),
    };
    match located.found_by {
        FoundBy::Nobody => ("unknown", None, point),
        FoundBy::Database => ("database", None, point),
        FoundBy::Network(network) => ("network", Some(network), point),
    }
}

impl ExplainedPop {
    fn new(snapshot: &Snapshot, candidate: Candidate, from: Option<Point>) -> Self {
        let pop = &snapshot.pops[candidate.pop];
        ExplainedPop {
            pop: pop.name.to_string(),
            distance_km: from.zip(pop.point).map(|(a, b)| a.distance_km(b)),
            edges: pop.edges.iter().map(ExplainedEdge::new).collect(),
        }
    }
}

impl ExplainedEdge {
    fn new(edge: &EdgeState) -> Self {
        let addresses = [Family::V4, Family::V6];
        ExplainedEdge {
            node: edge.name.to_string(),
            up: edge.up,
            usable: edge.usable,
            addresses: addresses.iter().filter_map(|f| edge.address(*f)).collect(),
        }
    }
}

impl ExplainedAnswer {
    fn new(snapshot: &Snapshot, chosen: Chosen) -> Self {
        ExplainedAnswer {
            pop: chosen.pop.map(|pop| snapshot.pops[pop].name.to_string()),
            addresses: chosen.addresses.to_vec(),
            scope: chosen.scope,
        }
    }
}
