//! Which clients a PoP that has too much to do lets go, and who takes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perigee_cluster::{NodeHealth, PopName};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// How much of a client's place in the order to go is its distance; the rest is chance. With distance
/// alone, the clients of one city, which are equally far, would all go at once.
const DISTANCE_PART: f64 = 0.4;

/// Guests are refused so many times sooner than own clients are let go.
const GUESTS_FIRST: f64 = 1.5;

/// Moments are told in steps of this length, so that what is remembered of them need not be thrown
/// away all the time.
const MOMENT: u64 = 60;

/// What each PoP gives away, and the moment by which clients take turns in going. The same on all name
/// servers that see the same health.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spilled {
    /// In the order of the snapshot.
    pops: Vec<Spilling>,
    /// Seconds since 1970.
    moment: u64,
    /// How long the same clients are chosen, in seconds.
    turn: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Spilling {
    share: f64,
    seed: u64,
}

/// How long until the next moment, by which clients take turns.
pub(crate) fn until_next_moment(now: SystemTime) -> Duration {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let next = (since.as_secs() / MOMENT + 1) * MOMENT;
    Duration::from_secs(next).saturating_sub(since)
}

/// The share of its clients that a PoP gives away: the mean of what its usable edges say, each counted
/// by what it can take. 0 if nobody says anything.
pub(crate) fn spilled_by<'h>(edges: impl Iterator<Item = &'h NodeHealth>) -> f64 {
    let said = edges
        .filter(|edge| edge.is_usable())
        .filter_map(|edge| edge.readiness.as_ref());
    let (given, all) = said.fold((0.0, 0.0), |(given, all), edge| {
        let capacity = edge.capacity.max(1) as f64;
        (given + edge.spill * capacity, all + capacity)
    });
    if all > 0.0 { given / all } else { 0.0 }
}

impl Spilled {
    /// Of PoPs in the order of the snapshot. The same clients are chosen for `turn`; then others, not
    /// all at the same moment.
    pub(crate) fn new<'p>(pops: impl Iterator<Item = (&'p PopName, f64)>, turn: Duration) -> Self {
        let spilling = |(name, share): (&PopName, f64)| Spilling {
            share,
            seed: xxh3_64(name.as_str().as_bytes()),
        };
        Spilled {
            pops: pops.map(spilling).collect(),
            moment: 0,
            turn: turn.as_secs().max(MOMENT),
        }
    }

    /// At another moment.
    pub(crate) fn at(self, now: SystemTime) -> Self {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let moment = seconds - seconds % MOMENT;
        Spilled { moment, ..self }
    }

    /// Whether any PoP gives clients away.
    pub(crate) fn is_any(&self) -> bool {
        self.pops.iter().any(|pop| pop.share > 0.0)
    }

    /// The share that a PoP gives away.
    pub(crate) fn share(&self, pop: usize) -> f64 {
        self.pops.get(pop).map_or(0.0, |pop| pop.share)
    }

    /// Whether a PoP keeps this client of its own. The farthest go first.
    ///
    /// `nearness` goes from 0 at the border to the next PoP to 1 at the PoP itself; `None` leaves it to
    /// chance.
    pub(crate) fn keeps(&self, pop: usize, client: u128, nearness: Option<f64>) -> bool {
        let share = self.share(pop);
        if share <= 0.0 {
            return true;
        }
        let chance = self.chance(pop, client);
        let place = match nearness {
            Some(nearness) => DISTANCE_PART * nearness + (1.0 - DISTANCE_PART) * chance,
            None => chance,
        };
        place >= share
    }

    /// Whether a PoP takes a client that another one lets go.
    pub(crate) fn takes(&self, pop: usize, client: u128) -> bool {
        let share = self.share(pop);
        share <= 0.0 || self.chance(pop, client) >= GUESTS_FIRST * share
    }

    /// A number from 0 to below 1 for a client at a PoP, another one each turn.
    fn chance(&self, pop: usize, client: u128) -> f64 {
        let seed = self.pops.get(pop).map_or(0, |pop| pop.seed);
        let own = xxh3_64_with_seed(&client.to_le_bytes(), seed);
        // Each client has its own moment at which its turn ends.
        let turn = (self.moment + own % self.turn.max(1)) / self.turn.max(1);
        let drawn = xxh3_64_with_seed(&own.to_le_bytes(), turn);
        (drawn >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
pub(super) mod tests;
