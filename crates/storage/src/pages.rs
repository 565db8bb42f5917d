//! Memory for large bodies, of which no page is written again once it is let go.
//!
//! The kernel may hold on to a page longer than we do: a socket that was given one by reference
//! (`vmsplice`) sends out of it until the client has acknowledged the bytes. So what a body leaves is
//! not handed to the next one, as an allocator would: its pages go back to the kernel
//! (`MADV_DONTNEED`), and its addresses get other ones, of zeros, when something is written there.
//! Whoever was given a page finds in it what was there, and never bytes of another object.
//!
//! The addresses are reserved all at once, so that it is told by its address whether a byte is here.

// The reservation, and writing behind what others read already; all of it is in this file.
#![allow(unsafe_code)]

use std::{
    fmt, io,
    ptr::NonNull,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::body::BLOCK;

pub(crate) mod os;

/// Addresses that are taken and given back at once. Their pages come when they are written.
const SLOT: usize = 1 << 20;

/// Slots for each that the capacity would fill: a body may leave most of its last one empty, and be
/// read by somebody for longer than it is stored. Addresses cost nothing.
const SPARE: u64 = 4;

/// Reserved addresses, in slots.
pub struct Pages {
    base: NonNull<u8>,
    slots: usize,
    vacant: Mutex<Vacant>,
}

// SAFETY: a slot has one owner, and of a slot each byte either one writer (`Room`) or none.
unsafe impl Send for Pages {}
// SAFETY: the same.
unsafe impl Sync for Pages {}

/// Slots that nobody has.
#[derive(Default)]
struct Vacant {
    /// Those from this one on were never taken.
    untouched: usize,
    again: Vec<usize>,
}

impl Pages {
    /// Addresses for bodies of `capacity` bytes in all.
    ///
    /// # Errors
    /// There are not as many, or the system lets none be reserved.
    pub fn reserve(capacity: u64) -> io::Result<Arc<Self>> {
        let slots = (capacity / SLOT as u64 + 16).saturating_mul(SPARE);
        let too_many = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        let slots = usize::try_from(slots).map_err(too_many)?;
        let base = os::reserve(slots.saturating_mul(SLOT))?;
        Ok(Arc::new(Pages {
            base,
            slots,
            vacant: Mutex::default(),
        }))
    }

    /// Whether these bytes are here: then their pages are never written again, even when nobody
    /// has them any more.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let offset = (bytes.as_ptr() as usize).checked_sub(self.base.as_ptr() as usize);
        offset.is_some_and(|offset| offset + bytes.len() <= self.slots * SLOT)
    }

    /// A slot, unless all are taken.
    pub(crate) fn slot(self: &Arc<Self>) -> Option<Slot> {
        let mut vacant = self.lock();
        let index = vacant.again.pop().or_else(|| {
            let index = vacant.untouched;
            (index < self.slots).then(|| {
                vacant.untouched += 1;
                index
            })
        })?;
        drop(vacant);
        let pages = Arc::clone(self);
        let taken = Arc::new(Taken { pages, index });
        Some(Slot { taken, begun: 0 })
    }

    fn lock(&self) -> MutexGuard<'_, Vacant> {
        // No code that can panic runs under the lock.
        self.vacant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: they were reserved by `reserve`, and each slot that is taken, and with it each
        // block, keeps this alive.
        unsafe { os::release(self.base, self.slots * SLOT) };
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// A slot that is taken, as long as anybody has a part of it.
#[derive(Debug)]
struct Taken {
    pages: Arc<Pages>,
    index: usize,
}

impl Taken {
    fn start(&self) -> NonNull<u8> {
        // SAFETY: `index` is below `slots`, so this is within what is reserved.
        unsafe { self.pages.base.add(self.index * SLOT) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: nobody has a part of the slot any more, so nothing refers to these addresses.
        let given_back = unsafe { os::give_back(self.start(), SLOT) };
        // What could not be given back is left alone for good.
        if given_back.is_ok() {
            self.pages.lock().again.push(self.index);
        }
    }
}

/// A slot that is being filled, block by block.
#[derive(Debug)]
pub(crate) struct Slot {
    taken: Arc<Taken>,
    /// Bytes for blocks that were begun.
    begun: usize,
}

impl Slot {
    /// Room for the next block, unless the slot is full.
    pub(crate) fn room(&mut self) -> Option<Room> {
        let offset = self.begun;
        (offset + BLOCK <= SLOT).then(|| {
            self.begun += BLOCK;
            Room {
                taken: Arc::clone(&self.taken),
                offset,
                length: 0,
            }
        })
    }
}

/// [`BLOCK`] bytes of a slot that nobody else has, of which the first ones are written.
#[derive(Debug)]
pub(crate) struct Room {
    taken: Arc<Taken>,
    offset: usize,
    length: usize,
}

impl Room {
    /// How many bytes are written.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Writes bytes behind those that are written, as many as there is room for.
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(BLOCK - self.length);
        debug_assert_eq!(count, bytes.len());
        // SAFETY: the block is within the slot (`Slot::room`), and nobody else has it; it ends behind
        // `length + count`. `bytes` are not in it, since nobody can have a reference to it.
        unsafe {
            let to = self.taken.start().add(self.offset + self.length);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), count);
        }
        self.length += count;
    }

    /// What is written, which does not change from now on.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(Written(self))
    }
}

/// What is written of a block.
struct Written(Room);

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        let Room {
            taken,
            offset,
            length,
        } = &self.0;
        // SAFETY: so many bytes were written there, and nobody writes them again: the slot stays
        // taken as long as this is.
        unsafe { slice::from_raw_parts(taken.start().add(*offset).as_ptr(), *length) }
    }
}

#[cfg(test)]
mod tests;
