//! The PoPs for one client, best first: made only as far as they are needed.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    compiled::{Policy, Rule, Weighted},
    config::Order,
    facts::Facts,
};
use crate::{
    place::{At, Direction, Measured, apart_km, guessed_ms},
    snapshot::{PopState, Snapshot},
};

/// The coarsest prefixes by which weights choose.
const WEIGHT_PREFIX_V4: u8 = 24;
const WEIGHT_PREFIX_V6: u8 = 48;

/// A PoP, as a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Its place in the snapshot.
    pub(crate) pop: usize,
    /// The rule that named it.
    pub(crate) rule: usize,
    /// The lower, the better; only to be compared within a rule.
    key: f64,
    /// Its place among the PoPs of the rule, which counts between equals.
    place: usize,
}

/// The candidates for one client. Each rule that is for it adds its PoPs; a PoP that an earlier rule
/// has named stays where it is.
pub(super) struct Chain<'a, 's> {
    snapshot: &'s Snapshot,
    policy: &'s Policy,
    /// Of the service and the turn.
    seed: u64,
    found: &'a mut Vec<Candidate>,
    /// How many of them are in their place.
    sorted: usize,
    next_rule: usize,
}

impl<'a, 's> Chain<'a, 's> {
    /// A chain that is kept in `room`, whose content is forgotten.
    pub(super) fn new(
        snapshot: &'s Snapshot,
        policy: &'s Policy,
        seed: u64,
        room: &'a mut Vec<Candidate>,
    ) -> Self {
        room.clear();
        Chain {
            snapshot,
            policy,
            seed,
            found: room,
            sorted: 0,
            next_rule: 0,
        }
    }

    /// The candidate at a place; `None` beyond the last one.
    pub(super) fn get(&mut self, at: usize, facts: &mut Facts<'_>) -> Option<Candidate> {
        while at >= self.sorted {
            if self.sorted < self.found.len() {
                self.sort_one();
            } else {
                self.add_rule(facts)?;
            }
        }
        self.found.get(at).copied()
    }

    /// How near a client is to a candidate, from 0 at the border to the next one to 1 at the candidate
    /// itself; `None` where their order is not one of distances.
    pub(super) fn nearness(&self, candidate: Candidate, next: Option<Candidate>) -> Option<f64> {
        let next = next.filter(|next| next.rule == candidate.rule)?;
        let rule = self.policy.rules.get(candidate.rule)?;
        let ratio = match rule.order {
            // A client that is said to be at a PoP has a key below 0.
            Order::Distance => (candidate.key.max(0.0) / next.key).sqrt(),
            Order::Latency => candidate.key.max(0.0) / next.key,
            Order::Weight | Order::Listed => return None,
        };
        ratio.is_finite().then(|| (1.0 - ratio).clamp(0.0, 1.0))
    }

    /// Puts the best one of those that are not in their place yet behind those that are. Mostly the
    /// first one serves, and nobody asks for the others.
    fn sort_one(&mut self) {
        let Some(rest) = self.found.get_mut(self.sorted..) else {
            return;
        };
        let best = (0..rest.len()).min_by(|&a, &b| rest[a].compare(&rest[b]));
        rest.swap(0, best.unwrap_or(0));
        self.sorted += 1;
    }

    /// Adds the PoPs of the next rule that is for this client.
    fn add_rule(&mut self, facts: &mut Facts<'_>) -> Option<()> {
        let index = self.next_rule;
        let rule = self.policy.rules.get(index)?;
        self.next_rule += 1;
        if !rule.fits(facts) {
            return Some(());
        }
        if rule.only {
            self.next_rule = usize::MAX;
        }
        let keys = Keys::of(self.snapshot, rule, self.seed, facts);
        for (place, &weighted) in rule.pops.iter().enumerate() {
            let before = self.found.get(..self.sorted).unwrap_or_default();
            if before.iter().all(|candidate| candidate.pop != weighted.pop) {
                self.found.push(Candidate {
                    pop: weighted.pop,
                    rule: index,
                    key: keys.key(self.snapshot, weighted, place),
                    place,
                });
            }
        }
        Some(())
    }
}

impl Candidate {
    fn compare(&self, other: &Candidate) -> std::cmp::Ordering {
        let by_key = self.key.total_cmp(&other.key);
        by_key.then(self.place.cmp(&other.place))
    }
}

/// By what the PoPs of a rule are ordered for one client.
enum Keys<'s> {
    /// By the distance from this PoP, or from this direction.
    Distance(From),
    /// By what was measured, or else is guessed from the distance.
    Latency(Measured<'s>, Option<From>),
    /// By the chance that this hash gives to each.
    Weight(u64),
    Listed,
}

/// Where distances are measured from.
struct From {
    /// The client is at this PoP.
    at: Option<usize>,
    direction: Option<Direction>,
}

impl<'s> Keys<'s> {
    fn of(snapshot: &Snapshot, rule: &Rule, seed: u64, facts: &mut Facts<'s>) -> Self {
        match rule.order {
            Order::Distance => Keys::Distance(From::new(snapshot, facts)),
            Order::Latency => {
                let measured = facts.latencies();
                let is_measured = |weighted: &Weighted| measured.ms(weighted.pop).is_some();
                // Who need not guess need not know the place, and holds for more.
                let all = rule.pops.iter().all(is_measured);
                let from = (!all).then(|| From::new(snapshot, facts));
                Keys::Latency(measured, from)
            }
            Order::Weight => {
                let network = facts.network(WEIGHT_PREFIX_V4, WEIGHT_PREFIX_V6);
                let network = network.unwrap_or_default().to_le_bytes();
                Keys::Weight(xxh3_64_with_seed(&network, seed))
            }
            Order::Listed => Keys::Listed,
        }
    }

    fn key(&self, snapshot: &Snapshot, weighted: Weighted, place: usize) -> f64 {
        let pop = snapshot.pops.get(weighted.pop);
        match self {
            Keys::Distance(from) => from.apart(pop, weighted.pop),
            Keys::Latency(measured, from) => {
                let guess = || {
                    let apart = from.as_ref().map(|from| from.apart(pop, weighted.pop));
                    guessed_ms(apart_km(apart.unwrap_or(f64::INFINITY)))
                };
                measured.ms(weighted.pop).map_or_else(guess, f64::from)
            }
            Keys::Weight(hash) => drawn(*hash, pop.map_or(0, |pop| pop.seed), weighted.weight),
            Keys::Listed => place as f64,
        }
    }
}

impl From {
    /// How far a PoP is, for comparison. It is below 0 for the one that the client is at.
    fn apart(&self, pop: Option<&PopState>, index: usize) -> f64 {
        if self.at == Some(index) {
            return -1.0;
        }
        let to = pop.and_then(|pop| pop.direction);
        let apart = self.direction.zip(to).map(|(a, b)| a.apart(b));
        apart.unwrap_or(f64::INFINITY)
    }

    fn new(snapshot: &Snapshot, facts: &mut Facts<'_>) -> Self {
        let at_pop = |at: usize| snapshot.pops.get(at).and_then(|pop| pop.direction);
        match facts.place().at {
            None => From {
                at: None,
                direction: None,
            },
            Some(At::Point(point)) => From {
                at: None,
                direction: Some(point.direction()),
            },
            Some(At::Pop(at)) => From {
                at: Some(at),
                direction: at_pop(at),
            },
        }
    }
}

/// Weighted rendezvous hashing: the lowest wins, and each wins in the proportion of its weight. When one
/// goes, those that had it are shared out in the proportion of the others, and nobody else moves.
fn drawn(client: u64, pop: u64, weight: u32) -> f64 {
    let hash = xxh3_64_with_seed(&client.to_le_bytes(), pop);
    // From above 0 to 1, in all the steps that the type has there.
    let chance = ((hash >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    -chance.ln() / f64::from(weight.max(1))
}

/// All candidates, best first.
pub(crate) fn candidates(
    snapshot: &Snapshot,
    policy: &Policy,
    seed: u64,
    facts: &mut Facts<'_>,
) -> Vec<Candidate> {
    let mut room = Vec::new();
    let mut chain = Chain::new(snapshot, policy, seed, &mut room);
    let mut all = Vec::new();
    while let Some(candidate) = chain.get(all.len(), facts) {
        all.push(candidate);
    }
    all
}
