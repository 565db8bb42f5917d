//! Which edges a client is told: those of the first PoP of its chain that can serve it.

use std::time::SystemTime;

use super::{
    addresses::Addresses,
    chain::{Candidate, Chain},
    client::Client,
    edges::{Edges, Serves, network, serves, turn},
    facts::Facts,
    memo::{Key, Memo},
};
use crate::{
    snapshot::{Family, Snapshot, Standard},
    zone::ZoneService,
};

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chosen<'s> {
    /// The PoP, as its place in the snapshot; `None` if there is nothing to answer.
    pub(crate) pop: Option<usize>,
    /// The addresses, best first. Empty is NODATA.
    pub(crate) addresses: Addresses<'s>,
    /// How long they may be kept, in seconds.
    pub(crate) ttl: u32,
    /// The prefix length of the client's network for which this holds.
    pub(crate) scope: u8,
    /// Why this PoP.
    pub(crate) reason: Reason,
}

/// Why a PoP was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The rule of the policy that named it, from 0.
    pub(crate) rule: usize,
    /// How good its edges are.
    pub(crate) standard: Standard,
    /// It stands in for a better one that is busy.
    pub(crate) spilled: bool,
}

/// [`Chosen`], as small as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pick {
    /// Of no meaning without edges.
    pub(super) pop: usize,
    pub(super) ttl: u32,
    pub(super) edges: Edges,
    pub(super) reason: Reason,
    pub(super) scope: u8,
}

/// The addresses of one family for a client. Pure: `memo` only remembers what came out before.
pub(crate) fn choose<'s>(
    snapshot: &'s Snapshot,
    service: &ZoneService,
    family: Family,
    client: Client,
    now: SystemTime,
    memo: &mut Memo,
) -> Chosen<'s> {
    if !snapshot.has_family(family) {
        return Pick::nothing(0, service).chosen(snapshot, family);
    }
    // A client of whom nothing may be known gets another order each TTL, so that not all of them
    // land on one edge.
    let turn = match client.address() {
        Some(_) if !service.rotate => 0,
        _ => turn(now, service.ttl),
    };
    let key = Key::new(service, family, client.address(), turn);
    let pick = match memo.get(&key) {
        Some(pick) => pick,
        None => {
            let facts = Facts::new(snapshot, client);
            let pick = decide(snapshot, service, family, turn, facts, memo);
            memo.put(key, pick);
            pick
        }
    };
    pick.chosen(snapshot, family)
}

fn decide(
    snapshot: &Snapshot,
    service: &ZoneService,
    family: Family,
    turn: u64,
    mut facts: Facts<'_>,
    memo: &mut Memo,
) -> Pick {
    // What is chosen by weight stays with a network; only those without one take turns.
    let seed = match facts.address() {
        Some(_) => service.seed,
        None => service.seed ^ turn,
    };
    let mut chain = Chain::new(snapshot, &service.policy, seed, &mut memo.candidates);
    for &standard in snapshot.standards() {
        let mut home = None;
        let mut at = 0;
        let mut chosen = None;
        while let Some(candidate) = chain.get(at, &mut facts) {
            at += 1;
            let Some(pop) = snapshot.pops.get(candidate.pop) else {
                continue;
            };
            match serves(pop, family, standard) {
                Serves::Yes => {
                    let of = Wanted {
                        family,
                        standard,
                        turn,
                        is_guest: home.is_some(),
                    };
                    if !lets_go(snapshot, &mut chain, at, candidate, of, &mut facts) {
                        chosen = Some(candidate);
                        break;
                    }
                    home.get_or_insert(candidate);
                }
                Serves::OnlyTheOtherFamily => return Pick::nothing(facts.scope(), service),
                Serves::No => {}
            }
        }
        // Where no other has room, a client stays at home.
        if let Some(candidate) = chosen.or(home) {
            let reason = Reason {
                rule: candidate.rule,
                standard,
                spilled: home.is_some_and(|home| home != candidate),
            };
            return Pick::new(
                snapshot,
                service,
                family,
                candidate.pop,
                reason,
                turn,
                facts,
            );
        }
    }
    Pick::nothing(facts.scope(), service)
}

/// What is wanted of a PoP.
#[derive(Clone, Copy)]
struct Wanted {
    family: Family,
    standard: Standard,
    turn: u64,
    /// A better PoP has let the client go.
    is_guest: bool,
}

/// Whether a PoP that could serve a client leaves it to the next ones, which begin at `next`, since it has
/// too much to do.
fn lets_go(
    snapshot: &Snapshot,
    chain: &mut Chain<'_, '_>,
    mut next: usize,
    candidate: Candidate,
    wanted: Wanted,
    facts: &mut Facts<'_>,
) -> bool {
    let spilled = &snapshot.spilled;
    if spilled.share(candidate.pop) <= 0.0 {
        return false;
    }
    // Those who withhold themselves go together, and others in the next turn.
    let client = |facts: &mut Facts<'_>| network(facts).unwrap_or(u128::from(wanted.turn));
    if wanted.is_guest {
        return !spilled.takes(candidate.pop, client(facts));
    }
    let other = loop {
        let other = chain.get(next, facts);
        let pop = other.and_then(|other| snapshot.pops.get(other.pop));
        match pop.map(|pop| serves(pop, wanted.family, wanted.standard)) {
            Some(Serves::No) => next += 1,
            _ => break other,
        }
    };
    let nearness = chain.nearness(candidate, other);
    !spilled.keeps(candidate.pop, client(facts), nearness)
}

impl Pick {
    fn new(
        snapshot: &Snapshot,
        service: &ZoneService,
        family: Family,
        pop: usize,
        reason: Reason,
        turn: u64,
        mut facts: Facts<'_>,
    ) -> Self {
        let rule = service.policy.rules.get(reason.rule);
        let answers = rule.and_then(|rule| rule.answers);
        let edges = snapshot.pops.get(pop).map_or(Edges::NONE, |pop| {
            Edges::choose(
                pop,
                family,
                reason.standard,
                service,
                answers.unwrap_or(service.answers),
                turn,
                &mut facts,
            )
        });
        Pick {
            pop,
            ttl: rule.and_then(|rule| rule.ttl).unwrap_or(service.ttl),
            edges,
            reason,
            scope: facts.scope(),
        }
    }

    fn nothing(scope: u8, service: &ZoneService) -> Self {
        Pick {
            pop: 0,
            ttl: service.ttl,
            edges: Edges::NONE,
            reason: Reason {
                rule: 0,
                standard: Standard::Any,
                spilled: false,
            },
            scope,
        }
    }

    fn chosen<'s>(&self, snapshot: &'s Snapshot, family: Family) -> Chosen<'s> {
        let pop = snapshot.pops.get(self.pop);
        let pop = pop.filter(|_| !self.edges.is_empty());
        Chosen {
            pop: pop.map(|_| self.pop),
            addresses: pop.map_or(Addresses::EMPTY, |pop| {
                Addresses::new(pop, family, self.edges)
            }),
            ttl: self.ttl,
            scope: self.scope,
            reason: self.reason,
        }
    }
}
