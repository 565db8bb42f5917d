//! A walk over all entries, in small steps.

use perigee_http_cache::CacheKey;

use super::{Index, lock};
use crate::Revision;

/// How far a walk has come.
#[derive(Debug, Default)]
pub(in crate::memory) struct Spot {
    shard: usize,
    /// Entries of the shard with lower numbers were looked at, if they have not got others since.
    number: usize,
    renumbered: u64,
}

impl Index {
    /// Looks at the next entries, `most` numbers at the most, and tells which were not checked up to `now`.
    /// `None`: there are no more.
    ///
    /// A shard whose entries have got other numbers is begun anew. That is seldom, since it has grown by an
    /// eighth then, or shrunk: so none is missed that was there when the walk began, and it comes to an end.
    pub(in crate::memory) fn unchecked(
        &self,
        spot: &mut Spot,
        most: usize,
        now: Revision,
    ) -> Option<Vec<CacheKey>> {
        let shard = lock(self.shards.get(spot.shard)?);
        let begin = match spot.renumbered == shard.renumbered {
            true => spot.number,
            false => 0,
        };
        let end = shard.numbers().min(begin.saturating_add(most.max(1)));
        let seen = (begin..end).filter_map(|number| shard.get(number));
        let unchecked = seen.filter(|found| found.entry.checked < now);
        let keys = unchecked.map(|found| found.view().key()).collect();
        *spot = match end < shard.numbers() {
            false => Spot {
                shard: spot.shard + 1,
                ..Spot::default()
            },
            true => Spot {
                shard: spot.shard,
                number: end,
                renumbered: shard.renumbered,
            },
        };
        Some(keys)
    }
}
