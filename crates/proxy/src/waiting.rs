//! How many requests wait for another one's fetch.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The count.
#[derive(Debug, Default)]
pub(crate) struct Waiting(AtomicU64);

/// One that waits, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waits<'a>(&'a Waiting);

impl Waiting {
    /// One more; it has joined the fetch already.
    pub(crate) fn begin(&self) -> Waits<'_> {
        self.0.fetch_add(1, Relaxed);
        Waits(self)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_no_more_is_not_counted() {
        let waiting = Waiting::default();
        let (one, two) = (waiting.begin(), waiting.begin());
        assert_eq!(waiting.count(), 2);
        drop(one);
        assert_eq!(waiting.count(), 1);
        drop(two);
        assert_eq!(waiting.count(), 0);
    }
}
