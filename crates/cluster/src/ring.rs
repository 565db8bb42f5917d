//! Consistent hashing with virtual nodes. Pure and immutable: nodes in, ring out.
//!
//! A node of weight 100 has [`Ring::VIRTUAL_NODES`] points on a circle of 2^64; its `i`-th point
//! is the XXH3 (64 bits, no seed) of `NAME#i`. A key belongs to the node of the first point at or
//! after its hash. Points depend on nothing but the node's name, so a node that comes or goes
//! moves only the keys that it gains or loses, and every process draws the same ring.

use std::{
    collections::BTreeMap,
    fmt,
    fmt::Write as _,
    iter::{Chain, FusedIterator},
    slice,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::NodeName;

mod loads;

pub use loads::LoadBound;

/// Who owns which key.
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    /// In the order of their names.
    nodes: Vec<NodeName>,
    /// The virtual nodes, sorted: where each is on the circle, and its index in `nodes`.
    points: Vec<(u64, u16)>,
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
        let mut ring = Ring {
            nodes: Vec::with_capacity(weights.len()),
            points: Vec::new(),
        };
        for (index, (name, weight)) in (0..).zip(weights).take(Self::MAX_NODES) {
            ring.nodes.push(name.clone());
            push_points(&mut ring.points, name, index, weight);
        }
        ring.points.sort_unstable();
        ring
    }

    /// The nodes of the ring, in the order of their names.
    pub fn nodes(&self) -> &[NodeName] {
        &self.nodes
    }

    /// All nodes in the order in which they own a key: the owner, then who would own it if the
    /// owner were gone, and so on; each once. `key_hash` must be spread evenly over all 64 bits.
    /// Does not allocate.
    pub fn owners(&self, key_hash: u64) -> Owners<'_> {
        let (before, from) = self
            .points
            .split_at(self.points.partition_point(|(at, _)| *at < key_hash));
        Owners {
            nodes: &self.nodes,
            points: from.iter().chain(before),
            left: self.nodes.len(),
            seen: [0; SEEN_WORDS],
        }
    }
}

impl fmt::Debug for Ring {
    /// The points follow from the nodes and are too many to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("nodes", &self.nodes)
            .field("points", &self.points.len())
            .finish()
    }
}

fn push_points(points: &mut Vec<(u64, u16)>, name: &NodeName, index: u16, weight: u32) {
    let count = Ring::VIRTUAL_NODES * weight.clamp(1, Ring::MAX_WEIGHT) / 100;
    let mut text = format!("{name}#");
    let stem = text.len();
    points.extend((0..count).map(|i| {
        text.truncate(stem);
        // Writing to a String cannot fail.
        let _ = write!(text, "{i}");
        (xxh3_64(text.as_bytes()), index)
    }));
}

const SEEN_WORDS: usize = Ring::MAX_NODES / 64;

type Points<'r> = slice::Iter<'r, (u64, u16)>;

/// The nodes in the order in which they own a key; see [`Ring::owners`].
#[derive(Clone, Debug)]
pub struct Owners<'r> {
    nodes: &'r [NodeName],
    /// Once around the circle.
    points: Chain<Points<'r>, Points<'r>>,
    /// Nodes not yet given, so that the walk ends with the last of them.
    left: usize,
    /// One bit per node that was given.
    seen: [u64; SEEN_WORDS],
}

impl<'r> Iterator for Owners<'r> {
    type Item = &'r NodeName;

    fn next(&mut self) -> Option<&'r NodeName> {
        if self.left == 0 {
            return None;
        }
        let seen = &mut self.seen;
        let (_, index) = self.points.find(|(_, index)| {
            let word = &mut seen[usize::from(index / 64)];
            let bit = 1 << (index % 64);
            let new = *word & bit == 0;
            *word |= bit;
            new
        })?;
        self.left -= 1;
        self.nodes.get(usize::from(*index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Owners<'_> {}
impl FusedIterator for Owners<'_> {}

#[cfg(test)]
mod tests;
