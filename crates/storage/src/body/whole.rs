//! A body that is all there, in memory.

use std::{fmt, mem, ops::Range, sync::Arc};

use bytes::Bytes;

/// Bytes per block. Large enough that one write call carries much, small enough for the
/// allocator to reuse freed blocks rather than to map and unmap pages for each.
pub(crate) const BLOCK: usize = 64 << 10;

/// What a block costs beside its bytes: its handle, its reference count, and the allocator's
/// own bookkeeping for the two.
const BLOCK_OVERHEAD: u64 = size_of::<Bytes>() as u64 + 24 + 2 * 16;

/// The bytes that are allocated for a block of so many bytes: a few more, so that there are few sizes
/// and one finds room where another one was.
pub(super) fn allocated(length: usize) -> usize {
    let step = (length.next_power_of_two() / 16).clamp(16, 4096);
    length.next_multiple_of(step)
}

/// An immutable body in blocks of [`BLOCK`] bytes, the last one shorter or as long. All blocks but
/// the last being equal, the block of an offset is found by division.
#[derive(Clone)]
pub(crate) struct Whole {
    blocks: Blocks,
}

#[derive(Clone)]
enum Blocks {
    /// Most objects are small: no list for them.
    One(Bytes),
    Many(Arc<[Bytes]>),
}

impl Whole {
    /// Of blocks that are [`BLOCK`] bytes long, but for the last.
    pub(crate) fn new(blocks: Vec<Bytes>) -> Self {
        debug_assert!(
            blocks
                .iter()
                .rev()
                .skip(1)
                .all(|block| block.len() == BLOCK)
        );
        let blocks = match <[Bytes; 1]>::try_from(blocks) {
            Ok([block]) => Blocks::One(block),
            Err(blocks) if blocks.is_empty() => Blocks::One(Bytes::new()),
            Err(blocks) => Blocks::Many(blocks.into()),
        };
        Whole { blocks }
    }

    /// Of these, which are no more than a block.
    pub(crate) fn of_one(bytes: Bytes) -> Self {
        debug_assert!(bytes.len() <= BLOCK);
        Whole {
            blocks: Blocks::One(bytes),
        }
    }

    /// All bytes, if they are in one block.
    pub(crate) fn in_one(&self) -> Option<&Bytes> {
        match &self.blocks {
            Blocks::One(block) => Some(block),
            Blocks::Many(_) => None,
        }
    }

    /// The same. None are left then.
    pub(crate) fn take_one(&mut self) -> Option<Bytes> {
        match &mut self.blocks {
            Blocks::One(block) => Some(mem::take(block)),
            Blocks::Many(_) => None,
        }
    }

    fn blocks(&self) -> &[Bytes] {
        match &self.blocks {
            Blocks::One(block) => std::slice::from_ref(block),
            Blocks::Many(blocks) => blocks,
        }
    }

    /// The length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.blocks().split_last().map_or(0, |(last, full)| {
            full.len() as u64 * BLOCK as u64 + last.len() as u64
        })
    }

    /// The bytes of memory that it takes.
    pub(crate) fn weight(&self) -> u64 {
        let blocks = self.blocks().iter();
        let weigh = |block: &Bytes| allocated(block.len()) as u64 + BLOCK_OVERHEAD;
        blocks.map(weigh).sum()
    }

    /// The first of the bytes wanted, as many as one block holds; `None` past the end.
    pub(crate) fn chunk(&self, wanted: Range<u64>) -> Option<Bytes> {
        let index = usize::try_from(wanted.start / BLOCK as u64).ok()?;
        let block = self.blocks().get(index)?;
        let base = index as u64 * BLOCK as u64;
        let from = (wanted.start - base) as usize;
        let to = (wanted.end.saturating_sub(base)).min(block.len() as u64) as usize;
        (from < to).then(|| block.slice(from..to))
    }
}

impl fmt::Debug for Whole {
    /// Its length: bodies do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Whole").field(&self.length()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(length: usize) -> (Whole, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|i| (i / 251) as u8 ^ i as u8).collect();
        let blocks = bytes.chunks(BLOCK).map(Bytes::copy_from_slice).collect();
        (Whole::new(blocks), bytes)
    }

    #[test]
    fn an_empty_body_has_no_chunk() {
        let (empty, _) = whole(0);
        assert_eq!(empty.length(), 0);
        assert_eq!(empty.chunk(0..u64::MAX), None);
    }

    #[test]
    fn an_eighth_more_is_allocated_at_most() {
        for length in 128..=BLOCK {
            let taken = allocated(length);
            assert!(taken >= length && taken <= length + length / 8, "{length}");
        }
        assert_eq!(allocated(0), 0);
        assert_eq!(allocated(BLOCK), BLOCK, "full ones take no more");
    }

    #[test]
    fn a_chunk_is_not_copied() {
        let (body, _) = whole(BLOCK + 10);
        let (first, again) = (body.chunk(0..100), body.chunk(0..100));
        assert_eq!(first.map(|b| b.as_ptr()), again.map(|b| b.as_ptr()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn chunks_are_the_bytes_wanted(
            length in prop_oneof![0..200_usize, BLOCK - 2..BLOCK + 3, 3 * BLOCK - 2..3 * BLOCK + 3],
            from in 0..4 * BLOCK,
            count in 0..4 * BLOCK,
        ) {
            let (body, bytes) = whole(length);
            prop_assert_eq!(body.length(), length as u64);
            let end = from + count;
            let mut read = Vec::new();
            let mut position = from as u64;
            while let Some(chunk) = body.chunk(position..end as u64) {
                prop_assert!(!chunk.is_empty());
                position += chunk.len() as u64;
                read.extend_from_slice(&chunk);
            }
            let wanted = bytes.get(from.min(length)..end.min(length)).unwrap_or_default();
            prop_assert!(read == wanted);
        }
    }
}
