//! The PoPs for one client, best first: made only as far as they are needed.

use super::{
    compiled::{Order, Policy, Rule},
    facts::Facts,
};
use crate::{
    place::{At, Direction},
    snapshot::Snapshot,
};

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
        room: &'a mut Vec<Candidate>,
    ) -> Self {
        room.clear();
        Chain {
            snapshot,
            policy,
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
        let rule = self.policy.rules.get(self.next_rule)?;
        let index = self.next_rule;
        self.next_rule += 1;
        let keys = Keys::of(self.snapshot, rule, facts);
        for (place, &pop) in rule.pops.iter().enumerate() {
            let before = self.found.get(..self.sorted).unwrap_or_default();
            if before.iter().all(|candidate| candidate.pop != pop) {
                self.found.push(Candidate {
                    pop,
                    rule: index,
                    key: keys.key(self.snapshot, pop),
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
enum Keys {
    /// The PoP that it is at, and the way to it from the middle of the Earth.
    Distance(Option<usize>, Option<Direction>),
}

impl Keys {
    fn of(snapshot: &Snapshot, rule: &Rule, facts: &mut Facts<'_>) -> Self {
        match rule.order {
            Order::Distance => {
                let (at, from) = whereabouts(snapshot, facts.place());
                Keys::Distance(at, from)
            }
        }
    }

    fn key(&self, snapshot: &Snapshot, pop: usize) -> f64 {
        match self {
            Keys::Distance(at, _) if *at == Some(pop) => -1.0,
            Keys::Distance(_, from) => {
                let to = snapshot.pops.get(pop).and_then(|pop| pop.direction);
                from.zip(to).map_or(f64::INFINITY, |(a, b)| a.apart(b))
            }
        }
    }
}

/// The PoP a client was said to be at, and the direction of its place.
fn whereabouts(snapshot: &Snapshot, place: Option<At>) -> (Option<usize>, Option<Direction>) {
    match place {
        None => (None, None),
        Some(At::Point(point)) => (None, Some(point.direction())),
        Some(At::Pop(at)) => {
            let pop = snapshot.pops.get(at);
            (Some(at), pop.and_then(|pop| pop.direction))
        }
    }
}

/// All candidates, best first.
pub(crate) fn candidates(
    snapshot: &Snapshot,
    policy: &Policy,
    facts: &mut Facts<'_>,
) -> Vec<Candidate> {
    let mut room = Vec::new();
    let mut chain = Chain::new(snapshot, policy, &mut room);
    let mut all = Vec::new();
    while let Some(candidate) = chain.get(all.len(), facts) {
        all.push(candidate);
    }
    all
}
