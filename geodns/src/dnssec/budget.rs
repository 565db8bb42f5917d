//! How many signatures may be made for questions. Whoever asks for names that are not there makes us
//! sign; what that costs has a limit.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds of a second: what may be saved up.
const SECOND: u64 = 1_000_000_000;

/// Whose question it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Anybody may have sent it, from any address: over UDP, without a cookie of ours.
    Spoofable,
    /// The asker is where it says.
    Proven,
}

/// A rate, without a lock (the generic cell rate algorithm: one number, the time at which all that was
/// given out would be paid for).
#[derive(Debug)]
pub(crate) struct Budget {
    /// Nanoseconds for each signature.
    each: u64,
    /// In nanoseconds since 1970.
    paid: AtomicU64,
}

impl Budget {
    /// So many in a second, and as many at once.
    pub(crate) fn new(per_second: u32) -> Self {
        Budget {
            each: SECOND / u64::from(per_second.max(1)),
            paid: AtomicU64::new(0),
        }
    }

    /// Takes one at `now`, in nanoseconds since 1970; `false` if there is none left. Half of what is
    /// saved up is left to those who can be held to what they ask.
    pub(crate) fn take(&self, standing: Standing, now: u64) -> bool {
        let saved = match standing {
            Standing::Spoofable => SECOND / 2,
            Standing::Proven => SECOND,
        };
        let taken = self
            .paid
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid| {
                let paid = paid.max(now) + self.each;
                (paid <= now.saturating_add(saved.max(self.each))).then_some(paid)
            });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_770_000_000 * SECOND;

    fn taken(budget: &Budget, standing: Standing, now: u64, tries: u32) -> usize {
        (0..tries).filter(|_| budget.take(standing, now)).count()
    }

    #[test]
    fn no_more_than_the_rate_and_half_is_left_to_the_proven() {
        let budget = Budget::new(100);
        assert_eq!(taken(&budget, Standing::Spoofable, NOW, 1_000), 50);
        assert_eq!(taken(&budget, Standing::Proven, NOW, 1_000), 50);
        // A tenth of a second later, there are ten more; a flood leaves none for itself.
        let later = NOW + SECOND / 10;
        assert_eq!(taken(&budget, Standing::Spoofable, later, 1_000), 0);
        assert_eq!(taken(&budget, Standing::Proven, later, 1_000), 10);
        assert_eq!(
            taken(&budget, Standing::Spoofable, NOW + 10 * SECOND, 1_000),
            50
        );
    }

    #[test]
    fn over_a_long_time_it_is_the_rate() {
        let budget = Budget::new(1_000);
        let all: usize = (0..10_000)
            .map(|ms| taken(&budget, Standing::Spoofable, NOW + ms * SECOND / 1_000, 10))
            .sum();
        // 10 s, and what was saved up.
        assert!((10_000..=10_501).contains(&all), "{all}");
    }

    #[test]
    fn even_one_in_a_second_is_had_by_all() {
        let budget = Budget::new(1);
        assert!(budget.take(Standing::Spoofable, NOW));
        assert!(!budget.take(Standing::Spoofable, NOW));
    }
}
