//! What is done when another node fails: how long it is waited for, and how often its work goes to
//! the next one.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use perigee_upstream::{RetryBudget, RetryLimit};

/// What is done when another node fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failover {
    /// A node that keeps a request that may be repeated, or the reader of a body, waiting for so
    /// long is suspected to be down. Default 200 ms.
    pub suspect_after: Duration,
    /// How many requests may be sent once more, to another node.
    pub retries: RetryLimit,
}

impl Default for Failover {
    fn default() -> Self {
        Failover {
            suspect_after: Duration::from_millis(200),
            retries: RetryLimit::default(),
        }
    }
}

/// The budget of all requests of a node.
#[derive(Debug)]
pub(crate) struct Retries(Mutex<RetryBudget>);

impl Retries {
    pub(crate) fn new(limit: RetryLimit, now: Instant) -> Self {
        Retries(Mutex::new(RetryBudget::new(limit, now)))
    }

    /// A request is sent for the first time.
    pub(crate) fn note_request(&self, now: Instant) {
        self.with(|budget| budget.request(now));
    }

    /// Whether one may be sent once more; if so, that is noted.
    pub(crate) fn may_retry(&self, now: Instant) -> bool {
        self.with(|budget| budget.retry(now))
    }

    fn with<T>(&self, act: impl FnOnce(&mut RetryBudget) -> T) -> T {
        // Whole after each change, so a panic elsewhere does not spoil it.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
