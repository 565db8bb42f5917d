//! How much a client may ask for that is no use to it. Pure: time is passed in.

use std::time::Duration;

/// So many at once, and so many a second.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u32,
    most: u32,
    per_second: u32,
    /// When it was last filled.
    filled: Duration,
}

impl Allowance {
    pub(crate) fn new(most: u32, per_second: u32) -> Self {
        Allowance {
            left: most,
            most,
            per_second,
            filled: Duration::ZERO,
        }
    }

    /// Uses up one. Whether there was one. `now` is only asked when there seems to be none.
    pub(crate) fn take(&mut self, now: impl FnOnce() -> Duration) -> bool {
        if self.left == 0 {
            let now = now();
            let since = now.saturating_sub(self.filled).as_secs_f64();
            let due = since * f64::from(self.per_second);
            if due >= 1.0 {
                self.left = (due as u32).min(self.most);
                self.filled = now;
            }
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// What was done is of use: so many more are all right.
    pub(crate) fn earn(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(allowance: &mut Allowance, at: Duration) -> u32 {
        (0..1_000).map(|_| u32::from(allowance.take(|| at))).sum()
    }

    #[test]
    fn a_burst_and_then_by_the_second() {
        let mut it = Allowance::new(100, 10);
        assert_eq!(taken(&mut it, Duration::ZERO), 100);
        assert_eq!(taken(&mut it, Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut it, Duration::from_millis(1_500)), 15);
        assert_eq!(taken(&mut it, Duration::from_millis(1_600)), 1);
        assert_eq!(taken(&mut it, Duration::from_secs(3_600)), 100);
    }

    #[test]
    fn what_is_of_use_earns_no_more_than_a_burst() {
        let mut it = Allowance::new(100, 0);
        it.earn(50);
        assert_eq!(taken(&mut it, Duration::ZERO), 100);
        it.earn(7);
        it.earn(u32::MAX);
        assert_eq!(taken(&mut it, Duration::ZERO), 100);
    }
}
