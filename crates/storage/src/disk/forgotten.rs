//! Keys of which the disk has a state that is not the newest any more, since what was to take its
//! place was not written. The index has forgotten them; a mark on disk sees to it that the next start
//! does not find them again. Marks are written once the disk takes them. A node that is killed before
//! that comes back with the older state, as it does with all that it had not written.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    index::Index,
    log::{KeyChange, NewKey, Place, Written},
    shared::Shared,
    state::nothing,
};

/// Keys of which that is remembered: a disk that takes nothing for long must not fill memory.
const MOST: usize = 1 << 16;

/// By the hash of the key: whether its mark is on its way.
#[derive(Debug, Default)]
pub(super) struct Forgotten(Mutex<HashMap<u64, bool>>);

impl Forgotten {
    fn add(&self, hash: u64) {
        let mut hashes = self.lock();
        let has_room = hashes.len() < MOST;
        if let Entry::Vacant(vacant) = hashes.entry(hash)
            && has_room
        {
            vacant.insert(false);
        }
    }

    /// Those whose marks are to be queued now.
    fn take(&self) -> Vec<u64> {
        let mut hashes = self.lock();
        let waiting = hashes.iter_mut().filter(|(_, queued)| !**queued);
        let take = |(hash, queued): (&u64, &mut bool)| {
            *queued = true;
            *hash
        };
        waiting.map(take).collect()
    }

    fn put_back(&self, hash: u64) {
        if let Some(queued) = self.lock().get_mut(&hash) {
            *queued = false;
        }
    }

    fn is_done(&self, hash: u64) {
        self.lock().remove(&hash);
    }

    /// Nothing of these is to be loaded.
    pub(super) fn shut_out(&self, index: &Index) {
        self.lock().keys().for_each(|hash| index.shut_out(*hash));
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, bool>> {
        // Nothing under the lock leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Forgets what is on disk under this hash: it is not the newest any more.
    pub(super) fn forget_older(self: &Arc<Self>, hash: u64, was_pending: bool) {
        let was_there = self.index.remove(hash);
        if was_there || was_pending || self.index.is_loading() {
            self.forgotten.add(hash);
            self.mark_forgotten();
        }
    }

    /// Queues the marks that wait. Says whether the disk took any.
    pub(super) fn mark_forgotten(self: &Arc<Self>) -> bool {
        let mut is_taken = false;
        let mut hashes = self.forgotten.take().into_iter();
        while let Some(hash) = hashes.next() {
            let mark = Mark {
                shared: Arc::clone(self),
                hash,
            };
            if self.log.append_key(hash, 0, Box::new(mark)).is_err() {
                // It takes no others either.
                self.forgotten.put_back(hash);
                hashes
                    .by_ref()
                    .for_each(|hash| self.forgotten.put_back(hash));
            } else {
                is_taken = true;
            }
        }
        is_taken
    }

    /// Takes nothing more, and waits until all that was queued is written, marks included.
    pub(super) fn close(self: &Arc<Self>) {
        if self.pending.keys() > 0 || !self.forgotten.is_empty() {
            self.flush();
        }
        while !self.forgotten.is_empty() && self.mark_forgotten() {
            self.flush();
        }
        self.log.close();
    }

    /// Waits until all is written that was queued before, or is lost.
    pub(super) fn flush(&self) {
        let (tell, told) = std::sync::mpsc::channel();
        self.log.tell(Box::new(move || {
            let _ = tell.send(());
        }));
        let _ = told.recv();
    }
}

/// Writes that there is nothing of a key, unless a newer state was written meanwhile.
struct Mark {
    shared: Arc<Shared>,
    hash: u64,
}

impl KeyChange for Mark {
    fn make(&mut self, _: Place) -> Option<NewKey> {
        let is_newer = self.shared.index.peek(self.hash).is_some();
        if is_newer {
            self.shared.forgotten.is_done(self.hash);
            return None;
        }
        Some(nothing())
    }

    fn written(self: Box<Self>, at: Option<Written>) {
        match at {
            Some(_) => self.shared.forgotten.is_done(self.hash),
            None => self.shared.forgotten.put_back(self.hash),
        }
    }
}
