//! The time that heat decays by: requests, not seconds, so that a quiet night forgets nothing.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::heat::Moment;

/// Half-lives are this many requests for each key that is kept.
const REQUESTS_PER_KEY: u64 = 16;

/// A half-life is never shorter than it would be for so many keys: what a small store keeps is
/// known better the longer it is watched.
const LEAST_KEYS: u64 = 4000;

/// Counts requests, as half-lives in 2^32nd parts.
///
/// It has a line of memory to itself: nearly all that it stands beside is only read.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Clock {
    parts: AtomicU64,
}

impl Clock {
    /// So many requests have come, while so many keys are kept.
    pub(super) fn advance(&self, requests: u64, keys: u64) {
        let half_life = REQUESTS_PER_KEY * keys.max(LEAST_KEYS);
        self.parts.fetch_add((requests << 32) / half_life, Relaxed);
    }

    pub(super) fn now(&self) -> Moment {
        Moment::of(self.parts.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::heat::Heat;

    #[test]
    fn a_half_life_is_sixteen_requests_for_each_key() {
        let clock = Clock::default();
        let start = clock.now();
        for _ in 0..16_000 {
            clock.advance(10, 10_000);
        }
        // What was asked for twice at the start is as hot as what is asked for once now.
        let (old, new) = (Heat::first(start).again(start), Heat::first(clock.now()));
        let worth = |heat: Heat| heat.worth(clock.now(), 1);
        assert!((worth(old) - worth(new)).abs() <= 1);
    }
}
