//! What can be purged.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

/// What to remove from a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All variants of one key.
    Key(CacheKey),
    /// All responses in a group (RFC 9875); other variants of their keys stay.
    Group {
        /// The origin whose group it is, as [`CacheKey::origin`] has it: another one's group of
        /// the same name is another group.
        origin: Arc<str>,
        /// The group's name.
        group: String,
    },
}
