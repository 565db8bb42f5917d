//! What waits to be written: bounded in bytes.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use super::{
    place::{Place, Shed},
    stretch::Stretch,
};

/// What comes of a stretch: `None` if it is lost.
pub(crate) type Done = Box<dyn FnOnce(Option<Stretch>) + Send>;

/// A change of one key's state. Its methods are called on the writer's thread, one after the other,
/// with nothing of another change between them.
pub(crate) trait KeyChange: Send {
    /// Makes the record: called right before it is written, to stand at `at`, so that its payload
    /// can name the bytes that are written with it. If they do not fit there, it is called again
    /// with another place. `None`: there is nothing to write.
    fn make(&mut self, at: Place) -> Option<NewKey>;

    /// The record that was made last is written, and can be read at once; or it is lost, or there
    /// was none.
    fn written(self: Box<Self>, at: Option<Written>);
}

/// The state of a key, to be written.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// Not empty, and [`super::MAX_KEY`] bytes at most.
    pub(crate) payload: Vec<u8>,
    /// Lowest revision up to which a response of it was checked.
    pub(crate) revision: u64,
    /// Bytes of a body that are to stand in the same record, [`super::MAX_STRETCH`] at most. For a
    /// small body, so that one read brings all.
    pub(crate) blocks: Vec<Bytes>,
}

/// Where a key's record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) place: Place,
    /// Bytes of the whole record: the hint to read it by.
    pub(crate) length: u32,
}

pub(super) enum Job {
    Stretch {
        key_hash: u64,
        blocks: Vec<Bytes>,
        done: Done,
    },
    Key {
        key_hash: u64,
        change: Box<dyn KeyChange>,
    },
    /// Tells that all that was queued before is written.
    Tell(Box<dyn FnOnce() + Send>),
}

impl Job {
    /// Nothing comes of it.
    pub(super) fn lose(self) {
        match self {
            Job::Stretch { done, .. } => done(None),
            Job::Key { change, .. } => change.written(None),
            Job::Tell(done) => done(),
        }
    }
}

pub(super) enum Next {
    Job { job: Job, bytes: u64 },
    TimeIsUp,
    Closed,
}

/// Jobs, first in, first out.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    capacity: u64,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<(Job, u64)>,
    /// Of jobs that are being done, too.
    bytes: u64,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: u64) -> Self {
        Queue {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            capacity,
        }
    }

    /// Takes a job, unless it does not fit. The last eighth is for the states of keys, which are
    /// small, so that bodies do not keep them out.
    pub(super) fn push(&self, job: Job, bytes: u64) -> Result<(), Shed> {
        let limit = match job {
            Job::Stretch { .. } => self.capacity - self.capacity / 8,
            Job::Key { .. } => self.capacity,
            Job::Tell(_) => u64::MAX,
        };
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Shed::Unusable);
        }
        if waiting.bytes.saturating_add(bytes) > limit {
            return Err(Shed::Full);
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back((job, bytes));
        self.wake.notify_one();
        Ok(())
    }

    /// The next job, waited for. Tell [`Queue::done`] after it.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let is_idle = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.closed;
        let waiting = self.lock();
        let mut waiting = match patience {
            None => self.wake.wait_while(waiting, is_idle),
            Some(patience) => match self.wake.wait_timeout_while(waiting, patience, is_idle) {
                Ok((waiting, _)) => Ok(waiting),
                Err(error) => Ok(error.into_inner().0),
            },
        }
        .unwrap_or_else(PoisonError::into_inner);
        match waiting.jobs.pop_front() {
            Some((job, bytes)) => Next::Job { job, bytes },
            None if waiting.closed => Next::Closed,
            None => Next::TimeIsUp,
        }
    }

    pub(super) fn done(&self, bytes: u64) {
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
    }

    /// Takes no more jobs. Those that wait are still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Nothing under the lock leaves it half changed.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
