//! What was purged and is never looked up gives its bytes back all the same.

use std::sync::{Mutex, PoisonError};

use super::{index::Spot, shelf::Shelf};
use crate::Revision;

/// Goes over all that is stored after each purge, in small steps.
#[derive(Debug, Default)]
pub(super) struct Sweep(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The round under way: the last purge when it began, and how far it has come.
    round: Option<(Revision, Spot)>,
    /// The last purge when the last round began that has ended.
    swept: Revision,
}

impl Sweep {
    /// Looks at the next keys, `most` at the most. Once all have been looked at: the purge up to
    /// which all that is stored has been checked.
    pub(super) fn step(&self, shelf: &Shelf, most: usize) -> Option<Revision> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { round, swept } = &mut *state;
        let now = shelf.purges().now();
        if round.is_none() && *swept >= now {
            return Some(*swept);
        }
        let (began, spot) = round.get_or_insert_with(|| (now, Spot::default()));
        match shelf.unchecked(spot, most, *began) {
            Some(keys) => {
                for key in keys {
                    shelf.check(&key);
                }
                None
            }
            None => {
                *swept = *began;
                *round = None;
                // Another purge may have come since; that is for the next round.
                Some(*swept)
            }
        }
    }
}
