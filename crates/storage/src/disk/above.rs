//! Who keeps in memory what is on the disk.

use std::fmt::Debug;

use perigee_http_cache::CacheKey;

use super::log::Stretch;

/// A tier above the disk.
pub(crate) trait Above: Debug + Send + Sync {
    /// Whether a key with this hash was asked for there: the disk does not hear of that.
    fn was_asked_for(&self, key_hash: u64) -> bool;

    /// What was stored under a key could not be written. What of it has room on the disk alone is to
    /// go.
    fn was_lost(&self, key: &CacheKey);

    /// Lets go of all bodies of which this says that bytes of them are not there any more. A file that
    /// was removed takes its room until nobody holds it.
    fn let_go(&self, is_gone: &dyn Fn(&Stretch) -> bool);
}
