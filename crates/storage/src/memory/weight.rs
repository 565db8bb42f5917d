//! What an entry weighs.

use perigee_http_cache::CacheKey;

use crate::Stored;

/// A reference-counted allocation: its two counters, and the allocator's own bookkeeping.
const SHARED: u64 = 2 * size_of::<usize>() as u64 + 16;

/// While objects of all sizes come and go, holes stay between them, of an eighth of what is held
/// under steady churn. See bench/README.md.
const HOLES: u64 = 8;

/// Bytes of memory of one stored response.
pub(super) fn of_stored(stored: &Stored) -> u64 {
    let head = SHARED + stored.head.weight() as u64;
    size_of::<Stored>() as u64 + head + stored.body.weight()
}

/// Bytes of memory of one key and its variants, without their place in the index.
pub(super) fn of_entry(key: &CacheKey, variants: &[Stored]) -> u64 {
    let key = SHARED + key.as_str().len() as u64;
    let bytes = key + SHARED + variants.iter().map(of_stored).sum::<u64>();
    bytes + bytes / HOLES
}
