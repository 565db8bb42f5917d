//! What the index knows of one key.

use perigee_http_cache::CacheKey;

use crate::{Revision, Variants, memory::heat::Heat};

/// One line of the processor's cache.
#[derive(Debug)]
pub(in crate::memory) struct Entry {
    pub(super) hash: u64,
    pub(in crate::memory) key: CacheKey,
    /// Never empty.
    pub(in crate::memory) variants: Variants,
    /// Purges up to this one are not about any of them.
    pub(in crate::memory) checked: Revision,
    /// Bytes of all that hangs on this, without itself.
    pub(super) weight: u64,
    pub(super) heat: Heat,
    /// Lookups that have found it.
    pub(in crate::memory) hits: u32,
}
