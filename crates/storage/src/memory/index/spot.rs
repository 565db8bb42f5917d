//! A walk over all entries, in small steps.

use perigee_http_cache::CacheKey;

use super::{Index, lock};
use crate::Revision;

/// How far a walk has come.
#[derive(Debug, Default)]
pub(in crate::memory) struct Spot {
    shard: usize,
    /// Entries of the shard that are still to be looked at; `None`: all of them.
    left: Option<usize>,
}

impl Index {
    /// Looks at the next entries, `most` at the most, and tells which were not checked up to `now`.
    /// `None`: there are no more.
    ///
    /// It goes from the last entry of each shard to the first, since it is the last one that takes
    /// the place of one that goes: so none is missed that was there when the walk began.
    pub(in crate::memory) fn unchecked(
        &self,
        spot: &mut Spot,
        most: usize,
        now: Revision,
    ) -> Option<Vec<CacheKey>> {
        let shard = lock(self.shards.get(spot.shard)?);
        let entries = shard.entries();
        let end = spot.left.unwrap_or(usize::MAX).min(entries.len());
        let begin = end.saturating_sub(most.max(1));
        let seen = entries.get(begin..end).unwrap_or_default();
        let unchecked = seen.iter().filter(|entry| entry.checked < now);
        let keys = unchecked.map(|entry| entry.held.key()).collect();
        *spot = match begin {
            0 => Spot {
                shard: spot.shard + 1,
                left: None,
            },
            left => Spot {
                shard: spot.shard,
                left: Some(left),
            },
        };
        Some(keys)
    }
}
