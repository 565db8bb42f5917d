//! The connections that are open.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use crate::state::State;

/// All open connections.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    open: Mutex<HashMap<u64, Arc<State>>>,
    count: AtomicUsize,
    next: AtomicU64,
    /// Bytes received on connections that are closed.
    received: AtomicU64,
    empty: Notify,
}

/// A connection in the registry, until dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    registry: Arc<Registry>,
    id: u64,
    state: Arc<State>,
}

impl Registry {
    pub(crate) fn enter(self: &Arc<Self>, state: Arc<State>) -> Registered {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::AcqRel);
        self.lock().insert(id, Arc::clone(&state));
        Registered {
            registry: Arc::clone(self),
            id,
            state,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Bytes received, on connections that are closed too.
    pub(crate) fn received(&self) -> u64 {
        let open = self.lock();
        let of_open: u64 = open.values().map(|state| state.received()).sum();
        of_open + self.received.load(Ordering::Relaxed)
    }

    /// Does something with the state of each connection.
    pub(crate) fn each(&self, act: impl Fn(&State)) {
        let states: Vec<_> = self.lock().values().cloned().collect();
        states.iter().for_each(|state| act(state));
    }

    /// Waits until no connection is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.empty.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        {
            // Both under the lock: no byte is counted twice, or not at all.
            let mut open = self.registry.lock();
            open.remove(&self.id);
            let received = self.state.received();
            self.registry
                .received
                .fetch_add(received, Ordering::Relaxed);
        }
        if self.registry.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.registry.empty.notify_waiters();
        }
        self.state.gone();
    }
}
