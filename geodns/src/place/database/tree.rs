//! The search tree of a database, in a few bits for each network.
//!
//! All nodes in the order of their depth, and within it of their addresses, as one bit each: whether they
//! are branches. The branch that has `n` others before it then has its children at `2n + 1` and `2n + 2`, so
//! that nothing points anywhere (the level order of Jacobson, 1989). A lookup counts bits on its way.

mod leaves;
#[cfg(test)]
mod tests;

pub(super) use leaves::Leaves;

/// What a leaf leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Nothing,
    /// What is there is what IPv4 addresses have.
    Alias,
    Row(u32),
}

/// The number of the first row; those below it are other leaves.
const FIRST: u32 = 2;

impl Leaf {
    pub(super) fn number(self) -> u32 {
        match self {
            Leaf::Nothing => 0,
            Leaf::Alias => 1,
            Leaf::Row(row) => row.saturating_add(FIRST),
        }
    }

    pub(super) fn of(number: u32) -> Self {
        match number {
            0 => Leaf::Nothing,
            1 => Leaf::Alias,
            number => Leaf::Row(number - FIRST),
        }
    }
}

/// A tree of prefixes.
#[derive(Debug)]
pub(super) struct Tree {
    words: Box<[Word]>,
    /// In the order of the nodes.
    leaves: Packed,
}

/// 64 nodes.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    branches: u64,
    /// How many branches are before them.
    before: u32,
}

/// Where a lookup begins: a node, and how deep it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    node: usize,
    pub(super) depth: u8,
}

impl Tree {
    /// What the first bits of an address lead to from a node, and how many of them do.
    pub(super) fn find(&self, start: Start, mut address: u128) -> (Leaf, u8) {
        let (mut node, mut depth) = (start.node, 0);
        while let Some(branch) = self.branch(node) {
            node = 2 * branch + 1 + (address >> 127) as usize;
            address <<= 1;
            depth += 1;
        }
        (self.leaves.get(node - self.before(node)), depth)
    }

    /// The node at which addresses are that begin with so many zeros, or the leaf before it.
    pub(super) fn behind_zeros(&self, zeros: u8) -> Start {
        let mut start = Start::default();
        while start.depth < zeros
            && let Some(branch) = self.branch(start.node)
        {
            start.node = 2 * branch + 1;
            start.depth += 1;
        }
        start
    }

    /// How many branches are before this one, if it is one.
    fn branch(&self, node: usize) -> Option<usize> {
        let word = self.words.get(node / 64)?;
        (word.branches >> (node % 64) & 1 == 1).then(|| self.before(node))
    }

    fn before(&self, node: usize) -> usize {
        let Some(word) = self.words.get(node / 64) else {
            return 0;
        };
        let here = word.branches & ((1 << (node % 64)) - 1);
        word.before as usize + here.count_ones() as usize
    }
}

/// Leaves in as few octets each as the number of rows needs.
#[derive(Debug)]
struct Packed {
    octets: Box<[u8]>,
    width: usize,
}

impl Packed {
    fn new(count: usize, rows: usize) -> Self {
        let most = rows as u64 + u64::from(FIRST);
        let width = (u64::BITS - most.leading_zeros()).div_ceil(8) as usize;
        Packed {
            octets: vec![0; count * width].into(),
            width,
        }
    }

    fn get(&self, at: usize) -> Leaf {
        let mut number = [0; 4];
        if let Some(octets) = self.octets.get(at * self.width..(at + 1) * self.width) {
            number[..self.width].copy_from_slice(octets);
        }
        Leaf::of(u32::from_le_bytes(number))
    }

    fn set(&mut self, at: usize, number: u32) {
        if let Some(octets) = self.octets.get_mut(at * self.width..(at + 1) * self.width) {
            octets.copy_from_slice(&number.to_le_bytes()[..self.width]);
        }
    }
}
