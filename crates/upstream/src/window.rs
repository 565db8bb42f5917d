//! Counts of the last ten seconds. Pure: time is passed in.

use std::time::Instant;

/// Seconds that are looked back on: long enough that what was asked before a node died pays for
/// the retries of all that was under way there, short enough to notice what fails now.
pub(crate) const SECONDS: usize = 10;

/// Two counts of each of the last ten seconds, this one included.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    start: Instant,
    /// The last second that was counted, from `start` on.
    second: u64,
    /// By the number of the second modulo their count.
    counts: [[u64; 2]; SECONDS],
}

impl Window {
    pub(crate) fn new(now: Instant) -> Self {
        Window {
            start: now,
            second: 0,
            counts: [[0; 2]; SECONDS],
        }
    }

    /// The counts of this second. A time from before counts as the last one known.
    pub(crate) fn now(&mut self, now: Instant) -> &mut [u64; 2] {
        let second = now.saturating_duration_since(self.start).as_secs();
        let passed = second.saturating_sub(self.second).min(SECONDS as u64);
        self.second = self.second.max(second);
        for back in 0..passed {
            *self.slot(self.second - back) = [0; 2];
        }
        self.slot(self.second)
    }

    /// The sums over all ten.
    pub(crate) fn sums(&mut self, now: Instant) -> [u64; 2] {
        self.now(now);
        let add = |[a, b]: [u64; 2], [c, d]: &[u64; 2]| [a + c, b + d];
        self.counts.iter().fold([0; 2], add)
    }

    /// Forgets all counts.
    pub(crate) fn clear(&mut self) {
        self.counts = [[0; 2]; SECONDS];
    }

    fn slot(&mut self, second: u64) -> &mut [u64; 2] {
        &mut self.counts[(second % SECONDS as u64) as usize]
    }
}
