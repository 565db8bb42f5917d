//! The search tree of a database, in a few bits for each network.
//!
//! All nodes in the order of their depth, and within it of their addresses, as one bit each: whether they
//! are branches. The branch that has `n` others before it then has its children at `2n + 1` and `2n + 2`, so
//! that nothing points anywhere (the level order of Jacobson, 1989). A lookup counts bits on its way.

/// What a leaf leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Nothing,
    /// What is there is what IPv4 addresses have.
    Alias,
    Row(u32),
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

/// The leaves of a tree, from the first address to the last one.
pub(super) struct Leaves {
    depths: Vec<u8>,
    leaves: Vec<Leaf>,
    /// The first address behind them; `None` behind the last one of all.
    end: Option<u128>,
}

/// The deepest that a tree is.
const DEPTHS: usize = 129;

impl Leaves {
    /// With room for so many.
    pub(super) fn new(count: usize) -> Self {
        Leaves {
            depths: Vec::with_capacity(count),
            leaves: Vec::with_capacity(count),
            end: Some(0),
        }
    }

    /// Adds the next one: a prefix of so many bits, that are the first ones of `address`. What lies between
    /// it and the one before is an alias. `None` if it is in no order.
    pub(super) fn push(&mut self, address: u128, depth: u8, leaf: Leaf) -> Option<()> {
        self.fill(Some(address))?;
        self.add(depth, leaf)
    }

    /// The tree of them.
    pub(super) fn tree(mut self, rows: usize) -> Option<Tree> {
        self.fill(None)?;
        // How many nodes and leaves there are of each depth, then where the next one goes.
        let (mut nodes, mut leaves) = ([0; DEPTHS], [0; DEPTHS]);
        self.walk(|depth, leaf| {
            nodes[usize::from(depth)] += 1;
            leaves[usize::from(depth)] += usize::from(leaf.is_some());
        });
        let count = sums(&mut nodes);
        sums(&mut leaves);
        let mut words = vec![Word::default(); count.div_ceil(64)];
        let mut packed = Packed::new(self.leaves.len(), rows);
        self.walk(|depth, leaf| {
            let depth = usize::from(depth);
            match (leaf, words.get_mut(nodes[depth] / 64)) {
                (Some(leaf), _) => {
                    packed.set(leaves[depth], leaf);
                    leaves[depth] += 1;
                }
                (None, Some(word)) => word.branches |= 1 << (nodes[depth] % 64),
                (None, None) => {}
            }
            nodes[depth] += 1;
        });
        let mut before = 0_u32;
        for word in &mut words {
            word.before = before;
            before = before.checked_add(word.branches.count_ones())?;
        }
        Some(Tree {
            words: words.into(),
            leaves: packed,
        })
    }

    /// Adds aliases up to an address, each as large as it can be.
    fn fill(&mut self, to: Option<u128>) -> Option<()> {
        while self.end != to {
            let at = self.end?;
            let room = to.unwrap_or(0).wrapping_sub(at);
            if to.is_some_and(|to| to < at) {
                return None;
            }
            // Neither may it begin within itself, nor end behind what comes next.
            let bits = at.trailing_zeros().min(match room {
                0 => 128,
                room => room.ilog2(),
            });
            self.add(u8::try_from(128 - bits).ok()?, Leaf::Alias)?;
        }
        Some(())
    }

    fn add(&mut self, depth: u8, leaf: Leaf) -> Option<()> {
        let at = self.end?;
        let length = 128_u32.checked_sub(depth.into())?;
        if at.trailing_zeros() < length {
            return None;
        }
        let size = 1_u128.checked_shl(length);
        self.end = size.and_then(|size| at.checked_add(size));
        self.depths.push(depth);
        self.leaves.push(leaf);
        Some(())
    }

    /// Each node's depth, and what it leads to if it is a leaf: from the root, branches before what is
    /// below them.
    fn walk(&self, mut visit: impl FnMut(u8, Option<Leaf>)) {
        // The depth of the first node that this leaf does not share with the one before.
        let mut new = 0;
        let mut at = 0_u128;
        for (&depth, &leaf) in self.depths.iter().zip(&self.leaves) {
            (new..depth).for_each(|depth| visit(depth, None));
            visit(depth, Some(leaf));
            let size = 1_u128.checked_shl(128 - u32::from(depth)).unwrap_or(0);
            let next = at.wrapping_add(size);
            new = (at ^ next).leading_zeros() as u8 + 1;
            at = next;
        }
    }
}

/// Each number becomes the sum of those before it. Tells the sum of all.
fn sums(numbers: &mut [usize; DEPTHS]) -> usize {
    numbers.iter_mut().fold(0, |sum, number| {
        let next = sum + *number;
        *number = sum;
        next
    })
}

/// Leaves in as few octets each as the number of rows needs.
#[derive(Debug)]
struct Packed {
    octets: Box<[u8]>,
    width: usize,
}

/// The number of the first row; those below it are other leaves.
const FIRST: u32 = 2;

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
        match u32::from_le_bytes(number) {
            0 => Leaf::Nothing,
            1 => Leaf::Alias,
            number => Leaf::Row(number - FIRST),
        }
    }

    fn set(&mut self, at: usize, leaf: Leaf) {
        let number = match leaf {
            Leaf::Nothing => 0,
            Leaf::Alias => 1,
            Leaf::Row(row) => row + FIRST,
        };
        if let Some(octets) = self.octets.get_mut(at * self.width..(at + 1) * self.width) {
            octets.copy_from_slice(&number.to_le_bytes()[..self.width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u128 = 1 << 127;

    #[test]
    fn a_tree_of_one_leaf() {
        let mut leaves = Leaves::new(1);
        leaves.push(0, 0, Leaf::Row(7)).unwrap();
        let tree = leaves.tree(8).unwrap();
        let start = tree.behind_zeros(96);
        assert_eq!((start.depth, tree.find(start, 5)), (0, (Leaf::Row(7), 0)));
    }

    #[test]
    fn each_address_leads_to_its_leaf() {
        // All prefixes of 10 bits but the last ones, which are a longer one each.
        let mut leaves = Leaves::new(0);
        for n in 0..1_023_u128 {
            leaves.push(n << 118, 10, Leaf::Row(n as u32)).unwrap();
        }
        for depth in 11..=128 {
            let address = u128::MAX << (129 - u32::from(depth));
            leaves.push(address, depth, Leaf::Nothing).unwrap();
        }
        leaves.push(u128::MAX, 128, Leaf::Alias).unwrap();
        let tree = leaves.tree(1_023).unwrap();
        for n in 0..1_023_u128 {
            let found = tree.find(Start::default(), n << 118 | 77);
            assert_eq!(found, (Leaf::Row(n as u32), 10));
        }
        let found = |address| tree.find(Start::default(), address);
        assert_eq!(found(u128::MAX), (Leaf::Alias, 128));
        assert_eq!(found(u128::MAX - 1), (Leaf::Nothing, 128));
        assert_eq!(found(u128::MAX << 117), (Leaf::Nothing, 12));
    }

    #[test]
    fn what_is_left_out_is_an_alias() {
        let mut leaves = Leaves::new(0);
        leaves.push(HALF >> 2, 3, Leaf::Row(0)).unwrap();
        leaves.push(HALF, 2, Leaf::Nothing).unwrap();
        let tree = leaves.tree(1).unwrap();
        let found = [0, 1, 2, 3, 4, 6].map(|n: u128| tree.find(Start::default(), n << 125));
        let expected = [
            (Leaf::Alias, 3),
            (Leaf::Row(0), 3),
            (Leaf::Alias, 2),
            (Leaf::Alias, 2),
            (Leaf::Nothing, 2),
            (Leaf::Alias, 2),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_in_no_order_is_no_tree() {
        let mut leaves = Leaves::new(0);
        leaves.push(HALF, 1, Leaf::Nothing).unwrap();
        assert_eq!(leaves.push(HALF, 2, Leaf::Nothing), None);
        let mut leaves = Leaves::new(0);
        assert_eq!(leaves.push(HALF >> 1, 1, Leaf::Nothing), None);
        assert_eq!(leaves.push(0, 129, Leaf::Nothing), None);
    }

    #[test]
    fn leaves_take_as_many_octets_as_they_need() {
        for (rows, width) in [
            (0, 1),
            (253, 1),
            (254, 2),
            (65_533, 2),
            (65_534, 3),
            (1 << 24, 4),
        ] {
            let mut packed = Packed::new(3, rows);
            assert_eq!(packed.width, width, "{rows}");
            let last = Leaf::Row((rows as u32).saturating_sub(1));
            packed.set(1, last);
            packed.set(2, Leaf::Alias);
            let all = [0, 1, 2].map(|at| packed.get(at));
            assert_eq!(all, [Leaf::Nothing, last, Leaf::Alias], "{rows}");
        }
    }
}
