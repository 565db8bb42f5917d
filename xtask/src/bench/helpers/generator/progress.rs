//! How far a long run is.

use std::time::{Duration, Instant};

/// How often it is told.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    /// Of all, if it is to be told.
    all: Option<u64>,
    start: Instant,
    last: Instant,
}

impl Progress {
    pub(super) fn new(all: Option<u64>, start: Instant) -> Progress {
        Progress {
            all,
            start,
            last: start,
        }
    }

    pub(super) fn tell(&mut self, done: u64, now: Instant) {
        if let Some(all) = self.all
            && now >= self.last + PERIOD
        {
            self.last = now;
            let rate = done as f64 / now.duration_since(self.start).as_secs_f64() / 1e3;
            eprintln!("  {done:>9} of {all} objects are there, {rate:.1} k/s");
        }
    }
}
