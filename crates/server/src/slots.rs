//! How many connections there may be at once, changeable while they are open.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for connections.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    limit: usize,
    /// Places to be taken away as soon as connections give them back.
    surplus: usize,
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Slots {
            free: Arc::new(Semaphore::new(limit)),
            size: Mutex::new(Size { limit, surplus: 0 }),
        }
    }

    /// Waits for a free place.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Slot> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        Some(Slot {
            slots: Arc::clone(self),
            permit: Some(permit),
        })
    }

    /// Takes a place if one is free.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Slot {
            slots: Arc::clone(self),
            permit: Some(permit),
        })
    }

    /// Changes how many places there are. Connections over a lower limit stay until they end.
    pub(crate) fn resize(&self, limit: usize) {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if limit >= size.limit {
            let more = limit - size.limit;
            let still_there = more.min(size.surplus);
            size.surplus -= still_there;
            self.free.add_permits(more - still_there);
        } else {
            let fewer = size.limit - limit;
            size.surplus += fewer - self.free.forget_permits(fewer);
        }
        size.limit = limit;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut size = self
            .slots
            .size
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if size.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            size.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(slots: &Arc<Slots>) -> Vec<Slot> {
        std::iter::from_fn(|| slots.try_take()).collect()
    }

    #[test]
    fn more_places_are_free_at_once() {
        let slots = Arc::new(Slots::new(1));
        let held = take_all(&slots);
        slots.resize(3);
        assert_eq!(held.len() + take_all(&slots).len(), 3);
    }

    #[test]
    fn fewer_places_hold_once_connections_end() {
        let slots = Arc::new(Slots::new(3));
        let mut held = take_all(&slots);
        slots.resize(1);
        held.truncate(1);
        assert!(
            slots.try_take().is_none(),
            "one is held, and one is all there is"
        );
        held.clear();
        assert_eq!(take_all(&slots).len(), 1);
    }

    #[test]
    fn a_limit_that_comes_back_takes_nothing_away() {
        let slots = Arc::new(Slots::new(3));
        let held = take_all(&slots);
        slots.resize(1);
        slots.resize(3);
        drop(held);
        assert_eq!(take_all(&slots).len(), 3);
    }
}
