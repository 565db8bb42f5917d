//! Buffers of a block, used again: fresh ones would have to be zeroed before each read.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

use super::format::BLOCK;

/// Buffers that are kept for the next reads: 2 MiB.
const KEPT: usize = 32;

/// Shorter reads than this get a buffer of their own length.
const LEAST: usize = BLOCK / 2;

/// Buffers that are not in use.
#[derive(Default)]
pub(super) struct Buffers {
    free: Mutex<Vec<Box<[u8]>>>,
}

/// Bytes that were read. Its buffer goes back when it is dropped.
struct Borrowed {
    buffer: Box<[u8]>,
    length: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    /// Lets `read` fill up to `length` bytes; what it has read is what it says.
    pub(super) fn fill<E>(
        self: &Arc<Self>,
        length: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Bytes, E> {
        if !(LEAST..=BLOCK).contains(&length) {
            let mut bytes = vec![0; length];
            let read = read(&mut bytes)?;
            bytes.truncate(read);
            return Ok(bytes.into());
        }
        let free = self.lock().pop();
        let mut borrowed = Borrowed {
            buffer: free.unwrap_or_else(|| vec![0; BLOCK].into()),
            length,
            home: Arc::clone(self),
        };
        // A buffer holds what was last read into it: only as much is given as was read now.
        borrowed.length = read(&mut borrowed.buffer[..length])?.min(length);
        Ok(Bytes::from_owner(borrowed))
    }

    /// Nothing under the lock leaves it half changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<[u8]>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut free = self.home.lock();
        if free.len() < KEPT {
            free.push(buffer);
        }
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffers: &Arc<Buffers>, asked: usize, given: &[u8]) -> Bytes {
        let read = |into: &mut [u8]| {
            into[..given.len()].copy_from_slice(given);
            Ok::<_, ()>(given.len())
        };
        buffers.fill(asked, read).unwrap()
    }

    #[test]
    fn only_what_was_read_is_given() {
        let buffers = Arc::default();
        drop(read(&buffers, BLOCK, &[1; BLOCK]));
        assert_eq!(buffers.lock().len(), 1);
        let held = read(&buffers, BLOCK, &[2; 10]);
        assert_eq!(held, [2; 10][..]);
        assert_eq!(buffers.lock().len(), 0);
        // One that is in use is nobody else's.
        assert_eq!(read(&buffers, BLOCK, &[3; BLOCK]), [3; BLOCK][..]);
        assert_eq!(held.slice(1..), [2; 9][..]);
    }

    #[test]
    fn no_more_are_kept_than_a_few() {
        let buffers = Arc::default();
        let many: Vec<_> = (0..2 * KEPT).map(|_| read(&buffers, BLOCK, &[1])).collect();
        drop(many);
        assert_eq!(buffers.lock().len(), KEPT);
        let failed = buffers.fill(BLOCK, |_| Err::<usize, _>("a read error"));
        assert_eq!(failed, Err("a read error"));
        assert_eq!(buffers.lock().len(), KEPT);
    }
}
