//! The bytes that bodies may take while they arrive, over all fills.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

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

/// Bytes claimed of a budget, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Claim {
    /// Claims bytes whatever the limit.
    pub(crate) fn new(budget: &Arc<Budget>, bytes: u64) -> Self {
        budget.change(0, bytes);
        Claim::taken_over(budget, bytes)
    }

    /// Claims bytes if the limit allows.
    pub(crate) fn of(budget: &Arc<Budget>, bytes: u64) -> Option<Self> {
        budget
            .claim(bytes)
            .then(|| Claim::taken_over(budget, bytes))
    }

    /// Answers from now on for bytes that were claimed already.
    pub(crate) fn taken_over(budget: &Arc<Budget>, bytes: u64) -> Self {
        let budget = Arc::clone(budget);
        Claim { budget, bytes }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.budget.change(self.bytes, 0);
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
