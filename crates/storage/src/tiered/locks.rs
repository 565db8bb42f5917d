//! Who may change what is stored under a key, in both tiers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use perigee_http_cache::CacheKey;

/// Enough that a change seldom meets one of another key, even while the disk is read for it. A power
/// of two.
const SHARDS: usize = 4096;

/// All changes of what is stored under a key are made while its lock is held, so that none is lost to
/// another. What is behind it counts them.
#[derive(Debug)]
pub(super) struct Locks(Box<[Mutex<u64>]>);

/// A moment: the changes so far of a key, and of those that share its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

impl Locks {
    pub(super) fn new() -> Self {
        Locks((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// To change a key.
    pub(super) fn change(&self, key: &CacheKey) -> MutexGuard<'_, u64> {
        let mut changes = self.lock(key);
        *changes = changes.wrapping_add(1);
        changes
    }

    /// What is read of a key from now on is as new as this.
    pub(super) fn moment(&self, key: &CacheKey) -> Moment {
        Moment(*self.lock(key))
    }

    /// Keeps a key as it is, if it has not changed since then.
    pub(super) fn unchanged(&self, key: &CacheKey, since: Moment) -> Option<MutexGuard<'_, u64>> {
        Some(self.lock(key)).filter(|changes| **changes == since.0)
    }

    fn lock(&self, key: &CacheKey) -> MutexGuard<'_, u64> {
        let shard = &self.0[key.stable_hash() as usize % SHARDS];
        // A panic leaves the number a number.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use perigee_http_cache::Scheme;

    use super::*;

    #[test]
    fn what_has_changed_meanwhile_is_noticed() {
        let locks = Locks::new();
        let key = CacheKey::new(Scheme::Http, "www.example.org", "/");
        let before = locks.moment(&key);
        assert!(locks.unchanged(&key, before).is_some());
        drop(locks.change(&key));
        assert!(locks.unchanged(&key, before).is_none());
        assert!(locks.unchanged(&key, locks.moment(&key)).is_some());
    }
}
