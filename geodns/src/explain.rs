//! Why a client is answered what it is answered.

mod lookups;
mod reason;

use std::{net::IpAddr, time::SystemTime};

use ipnet::IpNet;
use perigee_dns_wire::{Name, rtype};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{
    answer::MAX_ALIASES,
    place::{At, FoundBy, Located, Measured, MeasuredBy, Point, guessed_ms},
    policy::{Candidate, Chosen, Client, Facts, Memo, Order, candidates, choose},
    snapshot::{EdgeState, Family, Snapshot},
    zone::{Found, ZoneService},
};

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsQuestion {
    /// The name.
    pub name: String,
    /// The client's network; one of length 0 withholds itself. May be written as one address.
    #[serde(deserialize_with = "network")]
    pub client: IpNet,
}

/// A network, or one address as the network of itself.
fn network<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.into()),
        Err(_) => text.parse().map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is neither an address nor a network such as 198.51.100.0/24"
            ))
        }),
    }
}

/// Why a client is answered what it is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsExplanation {
    /// The version of the configuration.
    pub config_version: String,
    /// The name asked for.
    pub name: String,
    /// The client's network.
    pub client: IpNet,
    /// What the name is: a service, something else in the zone, or nothing here.
    pub kind: String,
    /// How the client's place was found: by `network`, `database`, or not: `unknown`.
    pub found_by: String,
    /// The configured network that it is in.
    pub network: Option<IpNet>,
    /// Its place.
    pub place: Option<Point>,
    /// What was looked up of the client.
    pub looked_up: Vec<LookedUp>,
    /// The policy that the service follows.
    pub policy: Option<String>,
    /// Whether the health of edges is believed; if not, all are answered.
    pub health_believed: bool,
    /// The PoPs, best first.
    pub candidates: Vec<ExplainedPop>,
    /// What is answered to A; nothing for names that are no service.
    pub a: Option<ExplainedAnswer>,
    /// What is answered to AAAA.
    pub aaaa: Option<ExplainedAnswer>,
}

/// Something that was looked up of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUp {
    /// What: `place`, `region`, `system`, `latency`.
    pub what: String,
    /// What was found, and where.
    pub found: String,
    /// The length of the client's prefix for which this holds.
    pub prefix: u8,
}

/// A PoP that could answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPop {
    /// Its name.
    pub pop: String,
    /// The rule of the policy that named it, from 1; none: it comes behind the last one.
    pub rule: Option<usize>,
    /// By what it was ordered among the PoPs of this rule.
    pub order: String,
    /// Its distance from the client, if the client's place is known.
    pub distance_km: Option<f64>,
    /// The round-trip time to the client in milliseconds, if it was measured; where the order goes by it, a
    /// guess otherwise.
    pub latency_ms: Option<f64>,
    /// Where that is from: the latency `file`; `measured` by edges; guessed from the `distance`.
    pub latency_from: Option<String>,
    /// Its weight in the rule.
    pub weight: Option<u32>,
    /// The share of its clients, from 0 to 1, that it lets go since it has too much to do.
    pub spill: f64,
    /// Its edges.
    pub edges: Vec<ExplainedEdge>,
}

/// An edge that could be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedEdge {
    /// Its name.
    pub node: String,
    /// Whether it is believed to answer.
    pub up: bool,
    /// Up, and not draining.
    pub usable: bool,
    /// When it last answered, it drained.
    pub draining: bool,
    /// The share of what it takes that it had to do when it last answered.
    pub load: Option<f64>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedAnswer {
    /// The PoP; `None` is NODATA.
    pub pop: Option<String>,
    /// The addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// How long they may be kept, in seconds.
    pub ttl: u32,
    /// The length of the client's prefix for which this holds.
    pub scope: u8,
    /// Why this PoP, and not another one.
    pub because: String,
}

/// Explains what `client` is answered for `name`.
pub(crate) fn explain(
    snapshot: &Snapshot,
    version: &str,
    name: &str,
    client: IpNet,
    now: SystemTime,
) -> DnsExplanation {
    let asker = match client.prefix_len() {
        0 => Client::Withheld,
        _ => Client::Subnet(client.trunc()),
    };
    let (kind, service) = find(snapshot, name);
    let mut facts = Facts::new(snapshot, asker);
    let candidates = service.map_or_else(Vec::new, |service| {
        candidates(snapshot, &service.policy, service.seed, &mut facts)
    });
    let (located, measured) = (facts.place(), facts.latencies());
    let pops: Vec<ExplainedPop> = candidates
        .iter()
        .zip(service.into_iter().cycle())
        .map(|(candidate, service)| {
            ExplainedPop::new(snapshot, service, candidate, &located, &measured)
        })
        .collect();
    let answer = |family| {
        service.map(|service| {
            let chosen = choose(snapshot, service, family, asker, now, &mut Memo::none());
            ExplainedAnswer::new(snapshot, service, family, &pops, chosen)
        })
    };
    let (found_by, network) = match located.found_by {
        FoundBy::Nobody => ("unknown", None),
        FoundBy::Database(_) => ("database", None),
        FoundBy::Network(network) => ("network", Some(network)),
    };
    DnsExplanation {
        config_version: version.to_owned(),
        name: name.to_owned(),
        client,
        kind,
        found_by: found_by.to_owned(),
        network,
        place: point(snapshot, &located),
        looked_up: lookups::all(snapshot, &located, &measured),
        policy: service.map(|service| service.policy.name().to_string()),
        health_believed: snapshot.believed,
        a: answer(Family::V4),
        aaaa: answer(Family::V6),
        candidates: pops,
    }
}

/// What a name is. Aliases inside the zone are followed, as the answer does.
fn find<'s>(snapshot: &'s Snapshot, name: &str) -> (String, Option<&'s ZoneService>) {
    let Ok(mut name) = name.parse::<Name>() else {
        return ("not a domain name".to_owned(), None);
    };
    let mut aliases = String::new();
    for _ in 0..=MAX_ALIASES {
        let (kind, service) = match snapshot.zone.lookup(&name) {
            Found::Node { node, .. } => {
                let target = node.rrset(rtype::CNAME).and_then(|set| set.rdata().next());
                if let Some(target) = target.and_then(Name::from_wire) {
                    aliases += &format!("an alias of {target}; that is ");
                    name = target;
                    continue;
                }
                match &node.service {
                    Some(service) if !aliases.is_empty() => ("a service", Some(service)),
                    Some(service) => ("service", Some(service)),
                    None => ("in the zone, but not a service", None),
                }
            }
            Found::Delegated(_) => ("given to other name servers", None),
            Found::Missing => ("not in the zone: NXDOMAIN", None),
            Found::Outside if aliases.is_empty() => ("outside the zone: REFUSED", None),
            Found::Outside => ("outside the zone", None),
        };
        return (aliases + kind, service);
    }
    ("an alias that leads nowhere".to_owned(), None)
}

fn point(snapshot: &Snapshot, located: &Located) -> Option<Point> {
    match located.at? {
        At::Point(point) => Some(point),
        At::Pop(pop) => snapshot.pops.get(pop)?.point,
    }
}

impl ExplainedPop {
    fn new(
        snapshot: &Snapshot,
        service: &ZoneService,
        candidate: &Candidate,
        located: &Located,
        measured: &Measured<'_>,
    ) -> Self {
        let pop = &snapshot.pops[candidate.pop];
        let from = point(snapshot, located);
        let told = service.policy.told(candidate);
        let distance_km = from.zip(pop.point).map(|(a, b)| a.distance_km(b));
        let by_latency = told.order == Order::Latency;
        let latency = measured.ms(candidate.pop).map(f64::from);
        let guess = distance_km.map(guessed_ms).filter(|_| by_latency);
        let from = match measured.by(candidate.pop) {
            Some(MeasuredBy::File) => Some("file"),
            Some(MeasuredBy::Edges) => Some("measured"),
            None => guess.map(|_| "distance"),
        };
        ExplainedPop {
            pop: pop.name.to_string(),
            rule: told.rule,
            order: told.order.as_str().to_owned(),
            distance_km,
            latency_ms: latency.or(guess),
            latency_from: from.map(str::to_owned),
            weight: told.weight,
            spill: snapshot.spilled.share(candidate.pop),
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
            draining: edge.draining,
            load: edge.load,
            addresses: addresses.iter().filter_map(|f| edge.address(*f)).collect(),
        }
    }
}

impl ExplainedAnswer {
    fn new(
        snapshot: &Snapshot,
        service: &ZoneService,
        family: Family,
        pops: &[ExplainedPop],
        chosen: Chosen<'_>,
    ) -> Self {
        let pop = chosen.pop.and_then(|pop| snapshot.pops.get(pop));
        ExplainedAnswer {
            because: reason::of(snapshot, service, family, pops, &chosen),
            pop: pop.map(|pop| pop.name.to_string()),
            addresses: chosen.addresses.iter().collect(),
            ttl: chosen.ttl,
            scope: chosen.scope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_a_network_or_one_address() {
        let client = |text: &str| {
            let question = serde_json::json!({ "name": "www.cdn.example", "client": text });
            let read = serde_json::from_value::<DnsQuestion>(question);
            read.map(|question| question.client.to_string())
                .map_err(|error| error.to_string())
        };
        for (text, network) in [
            ("198.51.100.0/24", "198.51.100.0/24"),
            ("198.51.100.7", "198.51.100.7/32"),
            ("2001:db8::7", "2001:db8::7/128"),
        ] {
            assert_eq!(client(text).as_deref(), Ok(network));
        }
        let refused = client("198.51.100").expect_err("neither");
        assert!(
            refused.contains("neither an address nor a network"),
            "{refused}"
        );
    }
}
