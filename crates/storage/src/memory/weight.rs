//! What an entry weighs.

use perigee_http_cache::CacheKey;

use crate::{Stored, Variants};

/// The cache counts in 32 bits. In units of 64 bytes that reaches 256 GiB per key, and rounding
/// up costs 32 bytes per key on average.
pub(super) const UNIT: u64 = 64;

/// What the cache's index and queues take per key, measured over 100,000 keys of 1 KiB.
const INDEX: u64 = 340;

/// A reference-counted allocation: its two counters, and the allocator's own bookkeeping.
const SHARED: u64 = 2 * size_of::<usize>() as u64 + 16;

/// What the index by group takes for one response in one group, at the most: where it is the only
/// one, a table of its own.
const GROUPED: u64 = 256;

/// Bytes of memory of one stored response.
pub(super) fn of_stored(stored: &Stored) -> u64 {
    let groups = stored.head.groups().count() as u64 * GROUPED;
    let head = SHARED + stored.head.weight() as u64 + groups;
    size_of::<Stored>() as u64 + head + stored.body.weight()
}

/// Bytes of memory of one key and its variants.
pub(super) fn of_entry(key: &CacheKey, variants: &[Stored]) -> u64 {
    let key = SHARED + key.as_str().len() as u64;
    INDEX + key + SHARED + variants.iter().map(of_stored).sum::<u64>()
}

/// The same in units, as the cache wants it.
pub(super) fn in_units(key: &CacheKey, variants: &Variants) -> u32 {
    u32::try_from(of_entry(key, variants).div_ceil(UNIT)).unwrap_or(u32::MAX)
}
