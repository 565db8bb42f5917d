//! Log lines that clients or a broken origin could make us write by the thousand.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Lets one in a while through, and counts the others.
#[derive(Debug)]
pub struct Seldom {
    since: Instant,
    /// Milliseconds after `since` from which on the next one may pass.
    next: AtomicU64,
    held_back: AtomicU64,
}

impl Seldom {
    /// Between two that pass.
    const PAUSE: Duration = Duration::from_secs(1);

    /// Lets the first one through.
    pub fn new(now: Instant) -> Self {
        Seldom {
            since: now,
            next: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }

    /// Whether this one may pass, and how many have been held back since the one before.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let at = now.saturating_duration_since(self.since).as_millis() as u64;
        let next = self.next.load(Ordering::Relaxed);
        let then = at + Self::PAUSE.as_millis() as u64;
        let is_due = at >= next;
        let relaxed = Ordering::Relaxed;
        if is_due
            && self
                .next
                .compare_exchange(next, then, relaxed, relaxed)
                .is_ok()
        {
            return Some(self.held_back.swap(0, relaxed));
        }
        self.held_back.fetch_add(1, relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_passes_and_tells_of_the_others() {
        let start = Instant::now();
        let seldom = Seldom::new(start);
        let at = |millis| seldom.pass(start + Duration::from_millis(millis));
        assert_eq!(at(0), Some(0));
        assert_eq!(at(1), None);
        assert_eq!(at(999), None);
        assert_eq!(at(1_000), Some(2));
        assert_eq!(at(5_000), Some(0));
    }
}
