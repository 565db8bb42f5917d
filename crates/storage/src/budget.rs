//! The bytes that bodies may take while they arrive, over all fills.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts bytes against a limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Budget {
            limit,
            used: AtomicU64::new(0),
        }
    }

    /// Claims `bytes` if the limit allows.
    pub(crate) fn claim(&self, bytes: u64) -> bool {
        self.used
            .fetch_update(Relaxed, Relaxed, |used| {
                used.checked_add(bytes).filter(|&sum| sum <= self.limit)
            })
            .is_ok()
    }

    /// Replaces a claim of `old` bytes by one of `new`, whatever the limit: the window of a fill
    /// that is not kept has a bound of its own.
    pub(crate) fn change(&self, old: u64, new: u64) {
        if new >= old {
            self.used.fetch_add(new - old, Relaxed);
        } else {
            self.used.fetch_sub(old - new, Relaxed);
        }
    }

    /// Bytes claimed now.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_up_to_the_limit() {
        let budget = Budget::new(100);
        assert!(budget.claim(60));
        assert!(!budget.claim(41));
        assert!(!budget.claim(u64::MAX));
        assert!(budget.claim(40));
        budget.change(60, 0);
        budget.change(40, 500);
        assert_eq!(budget.used(), 500);
        assert!(!budget.claim(1));
    }
}
