//! Who may go on: a cap on requests under way and a bounded queue before it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::Limits;

/// The door of one endpoint.
#[derive(Debug)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    in_flight: Arc<AtomicUsize>,
    queued: Arc<AtomicUsize>,
    max_concurrent: usize,
    max_queued: usize,
    queue_timeout: Duration,
}

/// The right to use the endpoint; given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
    _in_flight: Counted,
}

/// Why there is no permit, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let max_concurrent = limits.max_concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Admission {
            permits: Arc::new(Semaphore::new(max_concurrent)),
            in_flight: Arc::default(),
            queued: Arc::default(),
            max_concurrent,
            max_queued: limits.max_queued,
            queue_timeout: limits.queue_timeout,
        }
    }

    /// Requests that hold a permit or wait for one.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Waits for a permit, first come first served.
    pub(crate) async fn enter(&self) -> Result<Permit, Refused> {
        let in_flight = Counted::add(&self.in_flight);
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(Permit {
                _permit: permit,
                _in_flight: in_flight,
            });
        }
        let _place = Counted::add_below(&self.queued, self.max_queued).ok_or_else(|| {
            Refused(format!(
                "{} requests under way and {} waiting, which is the limit",
                self.max_concurrent, self.max_queued
            ))
        })?;
        // In a box: a timer that each request would carry about, otherwise.
        let turn = timeout(self.queue_timeout, self.permits.clone().acquire_owned());
        match Box::pin(turn).await {
            Ok(Ok(permit)) => Ok(Permit {
                _permit: permit,
                _in_flight: in_flight,
            }),
            // The semaphore is never closed, so the only other end is the timeout.
            _ => Err(Refused(format!(
                "waited {:?} for one of {} requests under way to end",
                self.queue_timeout, self.max_concurrent
            ))),
        }
    }
}

/// One, counted until it is dropped.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn add(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Relaxed);
        Counted(counter.clone())
    }

    fn add_below(counter: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        counter
            .fetch_update(Relaxed, Relaxed, |n| (n < limit).then_some(n + 1))
            .ok()?;
        Some(Counted(counter.clone()))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_concurrent: usize, max_queued: usize) -> Limits {
        Limits {
            max_concurrent,
            max_queued,
            queue_timeout: Duration::from_secs(10),
            ..Limits::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_permit_up_to_the_limit() {
        let door = Admission::new(&limits(1, 1));
        let first = door.enter().await.unwrap();
        let refused = door.enter().await.unwrap_err();
        assert!(refused.0.contains("waited 10s"), "{refused:?}");
        assert_eq!(door.in_flight(), 1, "who gave up is not counted");
        drop(first);
        door.enter().await.unwrap();
        assert_eq!(door.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_at_once_when_the_queue_is_full() {
        let door = Arc::new(Admission::new(&limits(1, 1)));
        let first = door.enter().await.unwrap();
        let waiting = tokio::spawn({
            let door = door.clone();
            async move { door.enter().await }
        });
        while door.in_flight() < 2 {
            tokio::task::yield_now().await;
        }
        let before = tokio::time::Instant::now();
        assert!(door.enter().await.unwrap_err().0.contains("1 waiting"));
        assert_eq!(before.elapsed(), Duration::ZERO);
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cap_of_zero_still_lets_one_through() {
        let door = Admission::new(&limits(0, 0));
        let _one = door.enter().await.unwrap();
        assert!(door.enter().await.is_err());
    }
}
