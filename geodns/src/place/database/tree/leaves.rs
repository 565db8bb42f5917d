//! A tree out of its leaves, in the order of their addresses, which tell all branches.

use super::{Leaf, Packed, Tree, Word};

/// The leaves of a tree, from the first address to the last one.
pub(crate) struct Leaves {
    depths: Vec<u8>,
    /// Their numbers.
    leaves: Vec<u32>,
    /// The first address behind them; `None` behind the last one of all.
    end: Option<u128>,
}

/// The deepest that a tree is.
const DEPTHS: usize = 129;

impl Leaves {
    /// With room for so many.
    pub(crate) fn new(count: usize) -> Self {
        Leaves {
            depths: Vec::with_capacity(count),
            leaves: Vec::with_capacity(count),
            end: Some(0),
        }
    }

    /// Adds the next one: a prefix of so many bits, that are the first ones of `address`. What lies between
    /// it and the one before is an alias. `None` if it is in no order.
    pub(crate) fn push(&mut self, address: u128, depth: u8, leaf: Leaf) -> Option<()> {
        self.fill(Some(address))?;
        self.add(depth, leaf)
    }

    /// The tree of them.
    pub(crate) fn tree(mut self, rows: usize) -> Option<Tree> {
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
        self.leaves.push(leaf.number());
        Some(())
    }

    /// Each node's depth, and its number if it is a leaf: from the root, branches before what is
    /// below them.
    fn walk(&self, mut visit: impl FnMut(u8, Option<u32>)) {
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
