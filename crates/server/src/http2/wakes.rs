//! Which streams have something to do: each wakes the connection's one task, and says that it was
//! it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::AcqRel},
    },
    task::Wake,
};

use crate::state::State;

/// The streams of a connection that were woken.
#[derive(Debug)]
pub(crate) struct Wakes {
    connection: Arc<State>,
    woken: Mutex<Vec<u32>>,
}

impl Wakes {
    pub(crate) fn new(connection: &Arc<State>) -> Arc<Self> {
        Arc::new(Wakes {
            connection: Arc::clone(connection),
            woken: Mutex::default(),
        })
    }

    /// Moves the numbers of those that were woken to `to`.
    pub(crate) fn drain_to(&self, to: &mut Vec<u32>) {
        to.append(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What wakes one stream.
#[derive(Debug)]
pub(crate) struct Signal {
    stream: u32,
    wakes: Arc<Wakes>,
    is_set: AtomicBool,
}

impl Signal {
    pub(crate) fn new(stream: u32, wakes: &Arc<Wakes>) -> Arc<Self> {
        Arc::new(Signal {
            stream,
            wakes: Arc::clone(wakes),
            is_set: AtomicBool::new(false),
        })
    }

    /// It was heard. What is done afterwards is done after whoever woke.
    pub(crate) fn clear(&self) {
        self.is_set.swap(false, AcqRel);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_set.swap(true, AcqRel) {
            return;
        }
        let wakes = &self.wakes;
        let mut woken = wakes.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push(self.stream);
        drop(woken);
        wakes.connection.task.wake();
    }
}
