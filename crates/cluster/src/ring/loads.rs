//! Bounded loads: a node that has much more under way than its part leaves its keys to the next on
//! the ring; a node that has just come takes its keys little by little. Pure: what nodes have under
//! way is passed in.

use std::{collections::VecDeque, fmt};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Member, Owners, Ring};
use crate::NodeName;

/// How much a node may have under way before its keys go to the next on the ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadBound {
    /// How many times its part of all that is under way. At least 1; default 1.25.
    pub factor: f64,
    /// With fewer requests under way than this, nobody is overloaded: what a few requests more or
    /// less make of a small mean says nothing. Default 32.
    pub floor: u64,
}

impl Default for LoadBound {
    fn default() -> Self {
        LoadBound {
            factor: 1.25,
            floor: 32,
        }
    }
}

/// What a node can take now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The share of its keys that it is given, from 0 to 1: 1 but for who has just come.
    pub share: f64,
    /// Requests that it has under way.
    pub load: u64,
}

/// The nodes in the order in which they are to be asked; see [`Ring::owners_within`].
pub struct OwnersWithin<'r, F> {
    owners: Owners<'r>,
    key_hash: u64,
    bound: LoadBound,
    standing: F,
    /// What all have under way, and what they weigh; made when somebody is above the floor.
    total: Option<Total>,
    /// Not overloaded, but not given this key yet.
    not_yet: VecDeque<&'r NodeName>,
    overloaded: VecDeque<&'r NodeName>,
}

#[derive(Clone, Copy, Debug)]
struct Total {
    load: f64,
    weight: f64,
}

/// How a node stands to one key.
enum Place {
    Takes,
    NotYet,
    Overloaded,
}

impl Ring {
    /// The nodes that are there in the order in which they are to be asked for a key. `standing`
    /// says of each what it can take, or `None` if it is not there; these are left out.
    ///
    /// As [`Ring::owners`], but those who have as many requests under way as the bound allows come
    /// at the end, and before them those who are not given this key yet. The bound of a node is
    /// `ceil(factor * (all that is under way + 1) * its part of all weights)`, or the floor if that
    /// is more; a node that is given only a share of its keys counts with that share of its weight.
    /// So there is always somebody below the bound, and a key moves no further than to the next on
    /// the ring who is. As a share grows, a node only gains keys.
    ///
    /// Asks each node for its standing once, and all once more if somebody is above the floor.
    pub fn owners_within<F>(
        &self,
        key_hash: u64,
        bound: LoadBound,
        standing: F,
    ) -> OwnersWithin<'_, F>
    where
        F: Fn(&NodeName) -> Option<Standing>,
    {
        OwnersWithin {
            owners: self.owners(key_hash),
            key_hash,
            bound,
            standing,
            total: None,
            not_yet: VecDeque::new(),
            overloaded: VecDeque::new(),
        }
    }
}

impl<'r, F> Iterator for OwnersWithin<'r, F>
where
    F: Fn(&NodeName) -> Option<Standing>,
{
    type Item = &'r NodeName;

    fn next(&mut self) -> Option<&'r NodeName> {
        while let Some(member) = self.owners.next_member() {
            match self.place(member) {
                Some(Place::Takes) => return Some(&member.name),
                Some(Place::NotYet) => self.not_yet.push_back(&member.name),
                Some(Place::Overloaded) => self.overloaded.push_back(&member.name),
                None => {}
            }
        }
        let rest = self.not_yet.pop_front();
        rest.or_else(|| self.overloaded.pop_front())
    }
}

impl<F> OwnersWithin<'_, F>
where
    F: Fn(&NodeName) -> Option<Standing>,
{
    fn place(&mut self, member: &Member) -> Option<Place> {
        let standing = (self.standing)(&member.name)?;
        if standing.load >= self.bound.floor && standing.load >= self.limit(member, &standing) {
            return Some(Place::Overloaded);
        }
        Some(match member.takes(self.key_hash, standing.share) {
            true => Place::Takes,
            false => Place::NotYet,
        })
    }

    /// How many requests it may have under way, the next one included.
    fn limit(&mut self, member: &Member, standing: &Standing) -> u64 {
        let total = match self.total {
            Some(total) => total,
            None => *self.total.insert(self.add_up()),
        };
        let part = weight(member, standing) / total.weight;
        // Not a number, where nobody has a share, is no request.
        (self.bound.factor.max(1.0) * (total.load + 1.0) * part).ceil() as u64
    }

    fn add_up(&self) -> Total {
        let none = Total {
            load: 0.0,
            weight: 0.0,
        };
        self.owners
            .members
            .iter()
            .fold(none, |total, member| match (self.standing)(&member.name) {
                None => total,
                Some(standing) => Total {
                    load: total.load + standing.load as f64,
                    weight: total.weight + weight(member, &standing),
                },
            })
    }
}

fn weight(member: &Member, standing: &Standing) -> f64 {
    f64::from(member.weight) * standing.share.clamp(0.0, 1.0)
}

impl Member {
    /// Whether a node that is given this share of its keys is given this one. The same on all nodes.
    fn takes(&self, key_hash: u64, share: f64) -> bool {
        if share >= 1.0 {
            return true;
        }
        let place = xxh3_64_with_seed(&key_hash.to_le_bytes(), self.seed);
        (place as f64) < share * 2f64.powi(64)
    }
}

impl<F> fmt::Debug for OwnersWithin<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnersWithin")
            .field("key_hash", &self.key_hash)
            .field("bound", &self.bound)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
