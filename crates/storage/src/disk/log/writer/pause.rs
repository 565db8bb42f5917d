//! How long a disk is left alone after a failure.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

/// The disk is left alone until this is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    until: Instant,
    length: Duration,
}

impl Pause {
    /// The next one: twice as long as the one before.
    pub(super) fn after(last: Option<Pause>, lengths: &Range<Duration>) -> Self {
        let length = match last {
            None => lengths.start,
            Some(last) => (last.length * 2).min(lengths.end),
        };
        Pause {
            until: Instant::now() + length,
            length,
        }
    }

    pub(super) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}
