//! What can be purged.

use perigee_http_cache::CacheKey;

/// What to remove from a store. The issue 'Storage' adds prefix, host, tag, group and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All variants of one key.
    Key(CacheKey),
}
