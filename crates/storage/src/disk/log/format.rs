//! The bytes of a segment: its header, its records and its footer. Pure.
//!
//! All numbers are little-endian. Every checksum is xxh3-64. Those of records and footers are
//! salted with the store's id, the segment's number and the offset, so that nothing verifies at a
//! place that it was not written to, and nothing out of a body passes for a record.
//!
//! Tables of the layout are in docs/disk-format.md.

mod footer;
mod record;

pub(super) use footer::{ENTRY, Entry, Footer, TRAILER, footer_of};
pub(super) use record::{HEADER, Header, encode_front, table_of};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The version of all that is in the folder. Another one is not read.
pub(super) const FORMAT: u32 = 1;

/// Bytes that have a checksum of their own, and are read at once.
pub(crate) const BLOCK: usize = 64 << 10;

/// Bytes of a body that one record may have.
pub(crate) const MAX_STRETCH: usize = 1 << 20;

/// Bytes that the payload of one key may have.
pub(crate) const MAX_KEY: usize = 8 << 20;

/// Records begin at multiples of this.
pub(super) const ALIGN: u64 = 8;

/// Bytes of a segment's header.
pub(super) const SEGMENT_HEADER: u64 = 64;

/// Offsets in a segment are u32.
pub(crate) const MAX_SEGMENT: u64 = 1 << 31;

const SEGMENT_MAGIC: [u8; 8] = *b"PRGEE-SG";

/// Up to the next place where a record may begin.
pub(super) fn align(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGN)
}

/// The salt of one segment.
pub(super) fn segment_seed(store: u64, seq: u64) -> u64 {
    xxh3_64_with_seed(&seq.to_le_bytes(), store)
}

/// The salt of what stands at this offset of a segment.
pub(super) fn seed_at(segment_seed: u64, offset: u64) -> u64 {
    xxh3_64_with_seed(&offset.to_le_bytes(), segment_seed)
}

/// The checksum of a block.
pub(super) fn block_sum(block: &[u8]) -> u64 {
    xxh3_64(block)
}

/// The header of a segment: for who looks at the file. Whether its records are of this store and this
/// segment their checksums say, so that a damaged header costs nothing.
pub(super) fn segment_header(store: u64, seq: u64, length: u64) -> [u8; SEGMENT_HEADER as usize] {
    let mut bytes = [0; SEGMENT_HEADER as usize];
    bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[16..24].copy_from_slice(&store.to_le_bytes());
    bytes[24..32].copy_from_slice(&seq.to_le_bytes());
    bytes[32..40].copy_from_slice(&length.to_le_bytes());
    let sum = xxh3_64(&bytes[..56]);
    bytes[56..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
