//! Which files of segments are open: a bounded number.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::files::File;

/// The file of one segment, if it is open.
#[derive(Debug, Default)]
pub(super) struct Slot {
    file: RwLock<Option<Arc<dyn File>>>,
    /// It cannot be opened again, so it is not closed to make room.
    is_last: AtomicBool,
}

impl Slot {
    pub(super) fn get(&self) -> Option<Arc<dyn File>> {
        // Nothing under the lock leaves it half changed.
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        file.clone()
    }

    pub(super) fn close(&self) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Keeps it open until [`Slot::close`].
    pub(super) fn keep(&self) {
        self.is_last.store(true, Relaxed);
    }

    fn set(&self, file: &Arc<dyn File>) {
        let mut slot = self.file.write().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Arc::clone(file));
    }
}

/// The files that are open, in the order in which they were opened.
#[derive(Debug)]
pub(super) struct OpenFiles {
    slots: Mutex<VecDeque<Weak<Slot>>>,
    most: usize,
}

impl OpenFiles {
    pub(super) fn new(most: usize) -> Self {
        OpenFiles {
            slots: Mutex::default(),
            most,
        }
    }

    /// Opens a file, and closes the one that has been open for longest if there are too many. Who
    /// is reading that one reads on.
    pub(super) fn open(
        &self,
        slot: &Arc<Slot>,
        open: impl FnOnce() -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        let file = open()?;
        slot.set(&file);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push_back(Arc::downgrade(slot));
        if slots.len() > self.most {
            let oldest = slots.pop_front().and_then(|slot| slot.upgrade());
            if let Some(oldest) = oldest.filter(|oldest| !oldest.is_last.load(Relaxed)) {
                oldest.close();
            }
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::log::files::{Files, RealFiles};

    #[test]
    fn the_one_open_for_longest_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let open = OpenFiles::new(2);
        let slots: Vec<_> = (0..3)
            .map(|n| {
                let slot = Arc::default();
                let path = folder.path().join(n.to_string());
                open.open(&slot, || RealFiles.create(&path, 1)).unwrap();
                slot
            })
            .collect();
        let is_open: Vec<_> = slots.iter().map(|slot| slot.get().is_some()).collect();
        assert_eq!(is_open, [false, true, true]);
        slots[1].keep();
        let path = folder.path().join("0");
        open.open(&slots[0], || RealFiles.open(&path)).unwrap();
        assert!(slots[0].get().is_some() && slots[1].get().is_some());
    }
}
