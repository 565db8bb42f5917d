//! From pieces as they come to blocks as they are kept.

use bytes::Bytes;

use super::{BLOCK, whole::allocated};

/// Copies what comes into blocks of [`BLOCK`] bytes.
///
/// A piece from the network is a slice of a read buffer that may be many times its size, and
/// keeping the slice keeps the buffer. One copy while filling makes the bytes counted the bytes
/// taken, and gives every later reader large blocks.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    block: Vec<u8>,
    /// Bytes still to come, if that is known.
    remaining: Option<u64>,
}

/// What a piece, or the front of one, has become.
pub(crate) enum Part {
    /// It has completed this block.
    Block(Bytes),
    /// It is in a block that is not complete, so followers read the piece itself.
    Loose(Bytes),
}

impl Assembly {
    /// For a body of this length, if it is known.
    pub(crate) fn new(length: Option<u64>) -> Self {
        Assembly {
            block: Vec::new(),
            remaining: length,
        }
    }

    /// Takes as much from the front of `chunk` as the block has room for; `None` once it is empty.
    pub(crate) fn take_from(&mut self, chunk: &mut Bytes) -> Option<Part> {
        if chunk.is_empty() {
            return None;
        }
        let piece = chunk.split_to(chunk.len().min(BLOCK - self.block.len()));
        self.make_room(piece.len());
        self.block.extend_from_slice(&piece);
        Some(if self.block.len() == BLOCK {
            Part::Block(self.take_block())
        } else {
            Part::Loose(piece)
        })
    }

    /// The last blocks: `last` is the end of the body.
    pub(crate) fn finish(mut self, mut last: Bytes) -> Vec<Bytes> {
        let mut blocks = Vec::new();
        while let Some(part) = self.take_from(&mut last) {
            if let Part::Block(block) = part {
                blocks.push(block);
            }
        }
        if !self.block.is_empty() {
            blocks.push(self.take_block());
        }
        blocks
    }

    /// Room for exactly what will come, if known; else for twice as much as before, so that a
    /// small body takes little. Never for more than a block.
    fn make_room(&mut self, more: usize) {
        let length = self.block.len() + more;
        if length <= self.block.capacity() {
            return;
        }
        let target = match self.remaining {
            Some(remaining) => usize::try_from(remaining).unwrap_or(BLOCK),
            None => 2 * self.block.len(),
        };
        let capacity = allocated(target.min(BLOCK).max(length));
        self.block.reserve_exact(capacity - self.block.len());
    }

    fn take_block(&mut self) -> Bytes {
        let mut block = std::mem::take(&mut self.block);
        if let Some(remaining) = &mut self.remaining {
            *remaining = remaining.saturating_sub(block.len() as u64);
        }
        // What was reserved too much goes back.
        block.shrink_to(allocated(block.len()));
        Bytes::from(block)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever the pieces, the blocks are full but for the last, and hold the bytes in order.
        #[test]
        fn blocks_hold_what_came(
            lengths in prop::collection::vec(prop_oneof![0..300_usize, 0..3 * BLOCK], 0..20),
            stated in any::<bool>(),
        ) {
            let total: usize = lengths.iter().sum();
            let bytes: Bytes = (0..total).map(|i| (i / 251) as u8 ^ i as u8).collect();
            let mut assembly = Assembly::new(stated.then_some(total as u64));
            let (mut blocks, mut rest) = (Vec::new(), bytes.clone());
            for length in lengths {
                let mut chunk = rest.split_to(length);
                while let Some(part) = assembly.take_from(&mut chunk) {
                    if let Part::Block(block) = part {
                        blocks.push(block);
                    }
                }
            }
            blocks.extend(assembly.finish(Bytes::new()));
            prop_assert!(blocks.iter().rev().skip(1).all(|block| block.len() == BLOCK));
            prop_assert!(blocks.iter().all(|block| (1..=BLOCK).contains(&block.len())));
            prop_assert!(blocks.concat() == bytes);
        }
    }

    #[test]
    fn a_stated_length_is_allocated_once() {
        let mut assembly = Assembly::new(Some(1000));
        for _ in 0..10 {
            assembly.take_from(&mut Bytes::from_static(&[7; 99]));
            assert_eq!(assembly.block.capacity(), allocated(1000));
        }
    }

    #[test]
    fn a_lie_about_the_length_reserves_no_more_than_a_block() {
        let mut assembly = Assembly::new(Some(u64::MAX));
        assembly.take_from(&mut Bytes::from_static(b"x"));
        assert_eq!(assembly.block.capacity(), BLOCK);
    }
}
