//! Consistent hashing with virtual nodes. Pure and immutable: nodes in, ring out.
//!
//! A node of weight 100 has [`Ring::VIRTUAL_NODES`] points on a circle of 2^64; its `i`-th point
//! is the XXH3 (64 bits, no seed) of `NAME#i`. A key belongs to the node of the first point at or
//! after its hash. Points depend on nothing but the node's name, so a node that comes or goes
//! moves only the keys that it gains or loses, and every process draws the same ring.

use std::{collections::BTreeMap, fmt, fmt::Write as _, iter::FusedIterator};

use xxhash_rust::xxh3::xxh3_64;

use crate::NodeName;

mod circle;
mod loads;

use circle::{Around, Circle};
pub use loads::{LoadBound, OwnersWithin, Standing};

/// Who owns which key.
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    /// In the order of their names.
    members: Vec<Member>,
    /// The virtual nodes; whose they are is a place in `members`.
    circle: Circle,
}

/// A node of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: NodeName,
    weight: u32,
    /// Which of its keys a node is given first when it comes.
    seed: u64,
}

impl Ring {
    /// Virtual nodes per node of weight 100. A node's share is off by about 2 % of it, one
    /// standard deviation: of 100 nodes the busiest owns 4 to 9 % more than the mean. 512 would
    /// make that 10 to 17 %, in a quarter of the 3 MiB. Changing this moves keys: it is part of
    /// what all nodes of a CDN agree on.
    pub const VIRTUAL_NODES: u32 = 2048;

    /// The greatest weight; more counts as this much.
    pub const MAX_WEIGHT: u32 = 1000;

    /// The most nodes of one ring; those whose names come last are left out.
    pub const MAX_NODES: usize = 1024;

    /// A ring of nodes with weights, from 1 to [`Ring::MAX_WEIGHT`]. The order they come in does
    /// not matter. A name that comes twice counts once, with the greater weight.
    pub fn new<'a>(nodes: impl IntoIterator<Item = (&'a NodeName, u32)>) -> Self {
        let mut weights = BTreeMap::new();
        for (name, weight) in nodes {
            let known = weights.entry(name).or_insert(weight);
            *known = weight.max(*known);
        }
        let mut members = Vec::with_capacity(weights.len());
        let mut points = Vec::new();
        for (index, (name, weight)) in (0..).zip(weights).take(Self::MAX_NODES) {
            let member = Member {
                name: name.clone(),
                weight: weight.clamp(1, Self::MAX_WEIGHT),
                seed: xxh3_64(name.as_str().as_bytes()),
            };
            push_points(&mut points, &member, index);
            members.push(member);
        }
        Ring {
            members,
            circle: Circle::new(points),
        }
    }

    /// The nodes of the ring, in the order of their names.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &NodeName> {
        self.members.iter().map(|member| &member.name)
    }

    /// All nodes in the order in which they own a key: the owner, then who would own it if the
    /// owner were gone, and so on; each once. `key_hash` must be spread evenly over all 64 bits.
    /// Does not allocate.
    pub fn owners(&self, key_hash: u64) -> Owners<'_> {
        Owners {
            members: &self.members,
            points: self.circle.from(key_hash),
            left: self.members.len(),
            seen: [0; SEEN_WORDS],
        }
    }
}

impl fmt::Debug for Ring {
    /// The points follow from the nodes and are too many to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("members", &self.members)
            .field("points", &self.circle.len())
            .finish()
    }
}

fn push_points(points: &mut Vec<(u64, u16)>, member: &Member, index: u16) {
    let count = Ring::VIRTUAL_NODES * member.weight / 100;
    let mut text = format!("{}#", member.name);
    let stem = text.len();
    points.extend((0..count).map(|i| {
        text.truncate(stem);
        // Writing to a String cannot fail.
        let _ = write!(text, "{i}");
        (xxh3_64(text.as_bytes()), index)
    }));
}

const SEEN_WORDS: usize = Ring::MAX_NODES / 64;

/// The nodes in the order in which they own a key; see [`Ring::owners`].
#[derive(Clone)]
pub struct Owners<'r> {
    members: &'r [Member],
    /// Once around the circle.
    points: Around<'r>,
    /// Nodes not yet given, so that the walk ends with the last of them.
    left: usize,
    /// One bit per node that was given.
    seen: [u64; SEEN_WORDS],
}

impl<'r> Owners<'r> {
    fn next_member(&mut self) -> Option<&'r Member> {
        if self.left == 0 {
            return None;
        }
        let seen = &mut self.seen;
        let index = self.points.find(|index| {
            let word = &mut seen[usize::from(index / 64)];
            let bit = 1 << (index % 64);
            let new = *word & bit == 0;
            *word |= bit;
            new
        })?;
        self.left -= 1;
        self.members.get(usize::from(index))
    }
}

impl<'r> Iterator for Owners<'r> {
    type Item = &'r NodeName;

    fn next(&mut self) -> Option<&'r NodeName> {
        self.next_member().map(|member| &member.name)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl fmt::Debug for Owners<'_> {
    /// Those that are still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl ExactSizeIterator for Owners<'_> {}
impl FusedIterator for Owners<'_> {}

#[cfg(test)]
mod tests;
