//! Signatures made before they are asked for, where the answers are few: of the zone's own records, and
//! of the addresses that can be chosen for each service.

use std::time::SystemTime;

use perigee_dns_wire::{RrSet, rtype};

use crate::{
    dnssec::{Set, Signer, ordered},
    snapshot::{Family, PopState, Snapshot, Standard},
    zone::Node,
};

/// Where a PoP has so many edges that more choices than this can come of them, each is signed when it is
/// asked for.
const MOST_CHOICES: usize = 64;

/// What can be chosen follows from this and the configuration: which edges are usable.
pub(crate) fn usable_edges(snapshot: &Snapshot) -> Vec<bool> {
    let edges = snapshot.pops.iter().flat_map(|pop| &pop.edges);
    edges.map(|edge| edge.usable).collect()
}

/// Makes what is not remembered of the signatures that are given out at `at`, of no more than `most` sets.
/// How many signatures that were.
pub(crate) fn sign_ahead(snapshot: &Snapshot, at: SystemTime, most: usize) -> usize {
    let Some(signer) = snapshot.signer.as_deref() else {
        return 0;
    };
    let mut ahead = Ahead {
        snapshot,
        signer,
        at,
        left: most,
        made: 0,
    };
    let zone = &snapshot.zone;
    let apex = &zone.apex().name;
    for set in signer.sets().iter().chain([zone.negative_soa()]) {
        ahead.set(apex, set);
    }
    // What is chosen first: it is what is asked for most.
    for node in zone.nodes() {
        ahead.service(node);
    }
    for node in zone.nodes() {
        for set in &node.rrsets {
            ahead.set(&node.name, set);
        }
    }
    ahead.made
}

struct Ahead<'s> {
    snapshot: &'s Snapshot,
    signer: &'s Signer,
    at: SystemTime,
    left: usize,
    made: usize,
}

impl Ahead<'_> {
    fn set(&mut self, owner: &[u8], set: &RrSet) {
        self.sign(&Set {
            owner,
            rtype: set.rtype,
            ttl: set.ttl,
            rdata: &ordered(set.rdata()),
        });
    }

    fn sign(&mut self, set: &Set<'_>) {
        if self.left > 0 {
            self.left -= 1;
            self.made += self.signer.prepare(set, self.at);
        }
    }

    /// All addresses that a service can be answered with now. The names that a wildcard makes are
    /// nobody's to foresee.
    fn service(&mut self, node: &Node) {
        let Some(service) = &node.service else {
            return;
        };
        if node.name.starts_with(b"\x01*") {
            return;
        }
        for (at, pop) in self.snapshot.pops.iter().enumerate() {
            if self.left == 0 {
                return;
            }
            for (most, ttl) in service.policy.told_of(at, service.answers, service.ttl) {
                for family in [Family::V4, Family::V6] {
                    self.choices(&node.name, pop, family, most, ttl);
                }
            }
        }
    }

    /// All addresses of one family that can be told of a PoP.
    fn choices(&mut self, owner: &[u8], pop: &PopState, family: Family, most: usize, ttl: u32) {
        let addresses = usable(pop, family);
        for choice in choices(&addresses, most.min(addresses.len())) {
            self.sign(&Set {
                owner,
                rtype: match family {
                    Family::V4 => rtype::A,
                    Family::V6 => rtype::AAAA,
                },
                ttl,
                rdata: &ordered(choice.into_iter()),
            });
        }
    }
}

fn usable(pop: &PopState, family: Family) -> Vec<Vec<u8>> {
    let addresses = pop.edges(Standard::Usable);
    let addresses = addresses.filter_map(|edge| edge.address(family));
    let octets = |address| match address {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    addresses.map(octets).collect()
}

/// All choices of `size` out of these; none if they are too many.
fn choices(all: &[Vec<u8>], size: usize) -> Vec<Vec<&[u8]>> {
    if size == 0 {
        return Vec::new();
    }
    let mut found: Vec<Vec<usize>> = vec![Vec::new()];
    for round in 0..size {
        let longer = found.iter().flat_map(|choice| {
            let next = choice.last().map_or(0, |last| last + 1);
            // Enough must be left for the rest.
            (next..=all.len() + round - size).map(|at| [choice.as_slice(), &[at]].concat())
        });
        found = longer.take(MOST_CHOICES + 1).collect();
        if found.len() > MOST_CHOICES {
            return Vec::new();
        }
    }
    let data = |choice: Vec<usize>| {
        let data = choice.iter().filter_map(|&at| all.get(at));
        data.map(Vec::as_slice).collect()
    };
    found.into_iter().map(data).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_choices_and_each_once() {
        let all: Vec<Vec<u8>> = (1..=4).map(|n| vec![n]).collect();
        let shown = |size| {
            let mut shown: Vec<Vec<u8>> = choices(&all, size)
                .into_iter()
                .map(|choice| choice.concat())
                .collect();
            shown.sort();
            shown
        };
        let pairs = [[1, 2], [1, 3], [1, 4], [2, 3], [2, 4], [3, 4]];
        assert_eq!(shown(2), pairs.map(|pair| pair.to_vec()));
        assert_eq!(shown(4), [[1, 2, 3, 4]]);
        assert_eq!(shown(1).len(), 4);
        assert!(shown(0).is_empty());
        let many: Vec<Vec<u8>> = (0..60).map(|n| vec![n]).collect();
        assert!(choices(&many, 3).is_empty());
        assert_eq!(choices(&many, 1).len(), 60);
    }
}
