//! A moment, by both clocks.

use std::time::{Instant, SystemTime};

/// A moment: read once for all that is done in one go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// On the wall clock: what ages are reckoned by.
    pub(crate) at: SystemTime,
    /// For durations.
    pub(crate) instant: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Moment {
            at: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}
