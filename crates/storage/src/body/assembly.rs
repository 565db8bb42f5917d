//! From pieces as they come to blocks as they are kept.

use std::sync::Arc;

use bytes::Bytes;

use super::{BLOCK, whole::allocated};
use crate::pages::{Pages, Room, Slot};

/// Bodies of so many bytes are in pages of their own.
const LARGE: u64 = 256 << 10;

/// Copies what comes into blocks of [`BLOCK`] bytes.
///
/// A piece from the network is a slice of a read buffer that may be many times its size, and
/// keeping the slice keeps the buffer. One copy while filling makes the bytes counted the bytes
/// taken, and gives every later reader large blocks.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    block: Block,
    /// Bytes in blocks that are complete.
    sealed: u64,
    /// Bytes behind these, if that is known.
    remaining: Option<u64>,
    /// Where large bodies are.
    pages: Option<Arc<Pages>>,
    slot: Option<Slot>,
}

/// A block that is not complete.
#[derive(Debug)]
enum Block {
    Allocated(Vec<u8>),
    InPages(Room),
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
    pub(crate) fn new(length: Option<u64>, pages: Option<Arc<Pages>>) -> Self {
        Assembly {
            remaining: length,
            pages,
            ..Assembly::default()
        }
    }

    /// Takes as much from the front of `chunk` as the block has room for; `None` once it is empty.
    pub(crate) fn take_from(&mut self, chunk: &mut Bytes) -> Option<Part> {
        if chunk.is_empty() {
            return None;
        }
        let piece = chunk.split_to(chunk.len().min(BLOCK - self.block.len()));
        self.make_room(piece.len());
        match &mut self.block {
            Block::Allocated(block) => block.extend_from_slice(&piece),
            Block::InPages(room) => room.extend_from_slice(&piece),
        }
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
        if self.block.len() > 0 {
            blocks.push(self.take_block());
        }
        blocks
    }

    /// Room for exactly what will come, if known; else for twice as much as before, so that a
    /// small body takes little. Never for more than a block.
    fn make_room(&mut self, more: usize) {
        if self.block.len() == 0
            && let Some(room) = self.room_in_pages()
        {
            self.block = Block::InPages(room);
        }
        let Block::Allocated(block) = &mut self.block else {
            return;
        };
        let length = block.len() + more;
        if length <= block.capacity() {
            return;
        }
        let target = match self.remaining {
            Some(remaining) => usize::try_from(remaining).unwrap_or(BLOCK),
            None => 2 * block.len(),
        };
        let capacity = allocated(target.min(BLOCK).max(length));
        block.reserve_exact(capacity - block.len());
    }

    /// For the next block, if the body is large.
    fn room_in_pages(&mut self) -> Option<Room> {
        let pages = self.pages.as_ref()?;
        if self.sealed.saturating_add(self.remaining.unwrap_or(0)) < LARGE {
            return None;
        }
        let room = self.slot.as_mut().and_then(Slot::room);
        room.or_else(|| {
            self.slot = pages.slot();
            self.slot.as_mut().and_then(Slot::room)
        })
    }

    fn take_block(&mut self) -> Bytes {
        let block = match std::mem::take(&mut self.block) {
            Block::Allocated(mut block) => {
                // What was reserved too much goes back.
                block.shrink_to(allocated(block.len()));
                Bytes::from(block)
            }
            Block::InPages(room) => room.freeze(),
        };
        self.sealed += block.len() as u64;
        if let Some(remaining) = &mut self.remaining {
            *remaining = remaining.saturating_sub(block.len() as u64);
        }
        block
    }
}

impl Block {
    fn len(&self) -> usize {
        match self {
            Block::Allocated(block) => block.len(),
            Block::InPages(room) => room.len(),
        }
    }
}

impl Default for Block {
    fn default() -> Self {
        Block::Allocated(Vec::new())
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
            in_pages in any::<bool>(),
        ) {
            let total: usize = lengths.iter().sum();
            let bytes: Bytes = (0..total).map(|i| (i / 251) as u8 ^ i as u8).collect();
            let pages = in_pages.then(|| Pages::reserve(0).unwrap());
            let mut assembly = Assembly::new(stated.then_some(total as u64), pages.clone());
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
            let mut begin = 0;
            for block in blocks {
                let is_large = (if stated { total as u64 } else { begin }) >= LARGE;
                let is_there = pages.as_ref().is_some_and(|pages| pages.holds(&block));
                prop_assert_eq!(is_there, in_pages && is_large);
                begin += block.len() as u64;
            }
        }
    }

    #[test]
    fn a_stated_length_is_allocated_once() {
        let mut assembly = Assembly::new(Some(1000), None);
        for _ in 0..10 {
            assembly.take_from(&mut Bytes::from_static(&[7; 99]));
            assert_eq!(assembly.block.capacity(), allocated(1000));
        }
    }

    #[test]
    fn a_lie_about_the_length_reserves_no_more_than_a_block() {
        let mut assembly = Assembly::new(Some(u64::MAX), None);
        assembly.take_from(&mut Bytes::from_static(b"x"));
        assert_eq!(assembly.block.capacity(), BLOCK);
    }

    #[test]
    fn a_body_that_finds_no_pages_is_allocated() {
        let pages = Pages::reserve(0).unwrap();
        let taken: Vec<Slot> = std::iter::from_fn(|| pages.slot()).collect();
        let length = 3 << 20;
        let mut assembly = Assembly::new(Some(length), Some(Arc::clone(&pages)));
        let mut take = |count: usize| {
            let mut blocks = Vec::new();
            let mut chunk = Bytes::from(vec![7; count]);
            while let Some(part) = assembly.take_from(&mut chunk) {
                if let Part::Block(block) = part {
                    blocks.push(block);
                }
            }
            blocks
        };
        let blocks = take(1 << 20);
        assert!(!blocks.iter().any(|block| pages.holds(block)));
        drop(taken);
        let blocks = take(2 << 20);
        assert!(blocks.iter().all(|block| pages.holds(block)));
    }

    impl Block {
        fn capacity(&self) -> usize {
            match self {
                Block::Allocated(block) => block.capacity(),
                Block::InPages(_) => BLOCK,
            }
        }
    }
}
