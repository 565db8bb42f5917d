//! A record: a header, a table of checksums, a key's payload, and blocks of a body.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{BLOCK, MAX_KEY, MAX_STRETCH, block_sum, seed_at, u32_at, u64_at};

/// Bytes of a record's header.
pub(crate) const HEADER: usize = 40;

/// At a multiple of 8 of the record, so that a scan finds it without looking at every byte.
const MAGIC: [u8; 4] = *b"prg\x01";

/// What the header of a record says. Its front is the header, the table and the key's payload: one
/// checksum. The blocks follow, each with a checksum in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key_hash: u64,
    /// Lowest revision up to which a response of the key was checked; 0 without a key's payload.
    pub(crate) revision: u64,
    /// Bytes of the key's payload; 0 if there is none.
    pub(crate) key_length: u32,
    /// Bytes of the body; 0 if there are none.
    pub(crate) data_length: u32,
}

impl Header {
    /// Reads a header, without verifying it: that takes the front.
    pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
        let magic = bytes.get(8..12)?;
        let header = Header {
            key_length: u32_at(bytes, 12)?,
            data_length: u32_at(bytes, 16)?,
            key_hash: u64_at(bytes, 24)?,
            revision: u64_at(bytes, 32)?,
        };
        (magic == MAGIC && u32_at(bytes, 20) == Some(0) && header.is_possible()).then_some(header)
    }

    fn is_possible(&self) -> bool {
        let (key, data) = (self.key_length as usize, self.data_length as usize);
        key <= MAX_KEY && data <= MAX_STRETCH && key + data > 0
    }

    /// Whether it has a key's payload.
    pub(crate) fn is_key(&self) -> bool {
        self.key_length > 0
    }

    pub(crate) fn blocks(&self) -> usize {
        (self.data_length as usize).div_ceil(BLOCK)
    }

    /// Where the key's payload begins, counted from the record.
    pub(crate) fn key_start(&self) -> usize {
        HEADER + 8 * self.blocks()
    }

    /// Bytes of the front: where the blocks begin, counted from the record.
    pub(crate) fn front(&self) -> usize {
        self.key_start() + self.key_length as usize
    }

    /// Bytes of the whole record.
    pub(crate) fn length(&self) -> usize {
        self.front() + self.data_length as usize
    }

    /// Whether `front` is what was written at this offset of the segment, header included.
    pub(crate) fn verifies(&self, front: &[u8], segment_seed: u64, offset: u64) -> bool {
        front.len() == self.front()
            && u64_at(front, 0) == Some(front_sum(front, segment_seed, offset))
    }

    /// The checksums of the blocks, out of a front.
    pub(crate) fn table(&self, front: &[u8]) -> Box<[u64]> {
        let sums = (0..self.blocks()).map(|block| u64_at(front, HEADER + 8 * block));
        sums.map(Option::unwrap_or_default).collect()
    }
}

fn front_sum(front: &[u8], segment_seed: u64, offset: u64) -> u64 {
    let rest = front.get(8..).unwrap_or_default();
    xxh3_64_with_seed(rest, seed_at(segment_seed, offset))
}

/// Writes the front of a record that will stand at `offset` into `front`.
pub(crate) fn encode_front(
    front: &mut Vec<u8>,
    header: &Header,
    table: &[u64],
    key: &[u8],
    segment_seed: u64,
    offset: u64,
) {
    front.clear();
    front.extend_from_slice(&[0; 8]);
    front.extend_from_slice(&MAGIC);
    front.extend_from_slice(&header.key_length.to_le_bytes());
    front.extend_from_slice(&header.data_length.to_le_bytes());
    front.extend_from_slice(&[0; 4]);
    front.extend_from_slice(&header.key_hash.to_le_bytes());
    front.extend_from_slice(&header.revision.to_le_bytes());
    for sum in table {
        front.extend_from_slice(&sum.to_le_bytes());
    }
    front.extend_from_slice(key);
    let sum = front_sum(front, segment_seed, offset);
    front[..8].copy_from_slice(&sum.to_le_bytes());
}

/// The checksums of consecutive bytes, one for each [`BLOCK`], however they are cut.
pub(crate) fn table_of(pieces: &[impl AsRef<[u8]>]) -> Vec<u64> {
    let all_full = pieces
        .iter()
        .rev()
        .skip(1)
        .all(|p| p.as_ref().len() == BLOCK);
    let last_fits = pieces.last().is_none_or(|p| p.as_ref().len() <= BLOCK);
    if all_full && last_fits {
        let pieces = pieces.iter().map(AsRef::as_ref).filter(|p| !p.is_empty());
        return pieces.map(block_sum).collect();
    }
    let mut joined = Vec::new();
    for piece in pieces {
        joined.extend_from_slice(piece.as_ref());
    }
    joined.chunks(BLOCK).map(block_sum).collect()
}
