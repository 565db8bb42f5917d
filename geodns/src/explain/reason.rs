//! Why one PoP was chosen and not another, in words. Pure.

use super::ExplainedPop;
use crate::{
    policy::Chosen,
    snapshot::{Family, Snapshot, Standard},
    zone::ZoneService,
};

pub(super) fn of(
    snapshot: &Snapshot,
    service: &ZoneService,
    family: Family,
    pops: &[ExplainedPop],
    chosen: &Chosen<'_>,
) -> String {
    let name = chosen.pop.and_then(|pop| snapshot.pops.get(pop));
    let at = name.and_then(|name| pops.iter().position(|pop| pop.pop == name.name.as_str()));
    let Some((at, pop)) = at.and_then(|at| Some((at, pops.get(at)?))) else {
        return nothing(snapshot, family).to_owned();
    };
    let mut text = match pop.rule {
        Some(rule) => format!(
            "rule {rule} of {}: {}",
            service.policy.name(),
            order(pop, pops)
        ),
        None => order(pop, pops),
    };
    let better: Vec<&str> = pops[..at].iter().map(|pop| pop.pop.as_str()).collect();
    if !better.is_empty() {
        let why = match chosen.reason.spilled {
            true => "cannot serve or give clients away",
            false => "cannot serve",
        };
        text += &format!("; before it {}, which {why}", better.join(", "));
    }
    text + match chosen.reason.standard {
        Standard::Usable => "",
        Standard::Up => "; all edges of the policy drain, so those that are up are told",
        Standard::Staying => "; the health of edges is not believed",
        Standard::Any => "; no edge of the policy is up, so any are told",
    }
}

/// What brings a PoP to its place.
fn order(pop: &ExplainedPop, pops: &[ExplainedPop]) -> String {
    match (pop.order.as_str(), pop.distance_km, pop.latency_ms) {
        ("distance", Some(km), _) => format!("nearest, {km:.0} km away"),
        ("distance", None, _) => {
            "first of its list, since the client's place is not known".to_owned()
        }
        ("latency", _, Some(ms)) => {
            let from = match pop.latency_from.as_deref() {
                Some("distance") => ", guessed from the distance",
                Some("measured") => ", measured by its edges",
                _ => "",
            };
            format!("lowest round-trip time, {ms:.0} ms{from}")
        }
        ("latency", ..) => "first of its list, since no round-trip time is known".to_owned(),
        ("weight", ..) => {
            let same = pops.iter().filter(|other| other.rule == pop.rule);
            let all: u32 = same.filter_map(|other| other.weight).sum();
            let weight = pop.weight.unwrap_or(1);
            format!("drawn for the client's network, with weight {weight} of {all}")
        }
        _ => "first of its list".to_owned(),
    }
}

fn nothing(snapshot: &Snapshot, family: Family) -> &'static str {
    if !snapshot.has_family(family) {
        return "no edge has an address of this family";
    }
    match family {
        Family::V4 => "no PoP of the policy has an address of this family",
        Family::V6 => "the best PoP that can serve has no IPv6, and a farther one would be slower",
    }
}
