//! Memory for small responses, apart from all that is allocated for a moment: so what stays has no holes
//! between it that what goes has left.
//!
//! On small pages of the system: a large one is cleared as a whole when it is first written, while somebody
//! waits for an answer, and a virtual machine may have to get each of its parts first. What is taken from the
//! system before anybody waits ([`Chunks::prefault`]) is on large ones, and stays.
//!
//! Nobody outside of the store ever sees this memory, unlike [`crate::pages`]: what goes out of it is
//! copied. So a chunk may be written again.

// Parts of a reservation are handed out; all of it is in this file.
#![allow(unsafe_code)]

use std::{
    fmt, io,
    ptr::NonNull,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
};

use crate::pages::os;

/// Bytes of a chunk.
pub(super) const CHUNK: usize = 64 << 10;

/// Chunks that are faulted in at once: 16 MiB, so that a node which is told to end soon does.
const FAULT_STEP: usize = 256;

/// Of what is taken, one chunk in so many may wait to be taken again, beside a few. More go back to the
/// system.
const WAITING_SHARE: usize = 16;
const WAITING: usize = 32;

/// Bytes of a line of the processor's cache, and how many of them are fetched at once where something will be
/// read: as many as an object of 1 KiB has with its head.
const LINE: usize = 64;
const AHEAD: usize = 24;

/// Reserved addresses, in chunks.
pub(super) struct Chunks {
    /// `None` where the system has none: then chunks are allocated.
    base: Option<NonNull<u8>>,
    count: usize,
    /// So many of them, from the first one on, stay here.
    prefaulted: usize,
    vacant: Mutex<Vacant>,
}

// SAFETY: each chunk has one owner, who alone reads and writes it; what they share is behind a lock.
unsafe impl Send for Chunks {}
// SAFETY: the same.
unsafe impl Sync for Chunks {}

/// Chunks that nobody has.
#[derive(Default)]
struct Vacant {
    /// Those from this one on were never taken.
    untouched: usize,
    taken: usize,
    /// Their pages are still there.
    waiting: Vec<NonNull<u8>>,
    /// Their pages went back to the system.
    given_back: Vec<NonNull<u8>>,
}

impl Chunks {
    /// For so many bytes.
    pub(super) fn reserve(bytes: u64) -> Self {
        let count = usize::try_from(bytes / CHUNK as u64 + 1).unwrap_or(usize::MAX);
        let base = os::reserve(count.saturating_mul(CHUNK)).ok();
        Chunks {
            base,
            count: if base.is_some() { count } else { 0 },
            prefaulted: 0,
            vacant: Mutex::default(),
        }
    }

    /// The same, of which the system gives so many bytes from now on, beside whatever else is done. They are not
    /// given back.
    pub(super) fn prefaulted(bytes: u64, prefault: u64) -> Arc<Self> {
        let mut chunks = Chunks::reserve(bytes);
        let count = usize::try_from(prefault / CHUNK as u64).unwrap_or(usize::MAX);
        chunks.prefaulted = count.min(chunks.count);
        let chunks = Arc::new(chunks);
        if prefault > 0 {
            let of = Arc::downgrade(&chunks);
            let name = "prefault".to_owned();
            let thread = thread::Builder::new()
                .name(name)
                .spawn(move || fault_in(&of));
            if let Err(error) = thread {
                tracing::warn!(%error, "no memory is taken before it is needed: there is no thread for that");
            }
        }
        chunks
    }

    /// Has the system give the memory of some chunks, as far as they are to be prefaulted. `false`: there are none from there on.
    fn fault(&self, first: usize, count: usize) -> io::Result<bool> {
        let Some(base) = self.base else {
            return Err(io::Error::other("the addresses could not be reserved"));
        };
        let count = count.min(self.prefaulted.saturating_sub(first));
        // SAFETY: they are within what is reserved. What somebody writes there meanwhile stays.
        unsafe { os::populate(base.add(first * CHUNK), count * CHUNK)? };
        Ok(count > 0)
    }

    /// Where a chunk is that nobody has, with anything in it.
    fn take(&self) -> NonNull<u8> {
        let mut vacant = self.lock();
        let again = vacant.waiting.pop().or_else(|| vacant.given_back.pop());
        let start = again.or_else(|| {
            let untouched = vacant.untouched;
            let base = self.base.filter(|_| untouched < self.count)?;
            vacant.untouched += 1;
            // SAFETY: `untouched` is below `count`, so this is within what is reserved.
            Some(unsafe { base.add(untouched * CHUNK) })
        });
        match start {
            Some(start) => {
                vacant.taken += 1;
                start
            }
            None => NonNull::from(Box::leak(Box::new([0_u8; CHUNK]))).cast(),
        }
    }

    /// Takes a chunk back.
    ///
    /// # Safety
    /// It was taken here, and nothing refers to it any more.
    unsafe fn put_back(&self, start: NonNull<u8>) {
        if !self.holds(start) {
            // SAFETY: then it was a box, of so many bytes.
            drop(unsafe { Box::from_raw(start.cast::<[u8; CHUNK]>().as_ptr()) });
            return;
        }
        let mut vacant = self.lock();
        vacant.taken = vacant.taken.saturating_sub(1);
        let stays = self.number(start) < self.prefaulted;
        if stays || vacant.waiting.len() < vacant.taken / WAITING_SHARE + WAITING {
            vacant.waiting.push(start);
            return;
        }
        // SAFETY: nothing refers to these addresses. If they are not given back, they keep what was there.
        let _ = unsafe { os::give_back(start, CHUNK) };
        vacant.given_back.push(start);
    }

    fn holds(&self, start: NonNull<u8>) -> bool {
        self.number(start) < self.count
    }

    /// Which one begins there; none has the largest number.
    fn number(&self, start: NonNull<u8>) -> usize {
        let base = self.base.map(|base| base.as_ptr() as usize);
        let offset = base.and_then(|base| (start.as_ptr() as usize).checked_sub(base));
        offset.map_or(usize::MAX, |offset| offset / CHUNK)
    }

    fn lock(&self) -> MutexGuard<'_, Vacant> {
        // No code that can panic runs under the lock.
        self.vacant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Faults in what is to be, step by step, as long as anybody has these chunks.
fn fault_in(chunks: &Weak<Chunks>) {
    for step in 0.. {
        let Some(chunks) = chunks.upgrade() else {
            return;
        };
        match chunks.fault(step * FAULT_STEP, FAULT_STEP) {
            Ok(true) => {}
            Ok(false) => {
                let bytes = chunks.prefaulted * CHUNK;
                return tracing::info!(bytes, "the memory for small responses is there (prefault)");
            }
            Err(error) => {
                return tracing::warn!(%error, "memory is taken from the system as it is needed, and not before (prefault)");
            }
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if let Some(base) = self.base {
            // SAFETY: they were reserved by `reserve`, and whoever has a chunk keeps this alive.
            unsafe { os::release(base, self.count * CHUNK) };
        }
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// Chunks that somebody has, by number. As little as can be for each: every hit goes by here.
pub(super) struct Taken {
    chunks: Arc<Chunks>,
    starts: Vec<Option<NonNull<u8>>>,
}

// SAFETY: it has its chunks for itself, as boxes are had.
unsafe impl Send for Taken {}
// SAFETY: the same; they are written through a unique reference alone.
unsafe impl Sync for Taken {}

impl Taken {
    pub(super) fn new(chunks: Arc<Chunks>) -> Self {
        Taken {
            chunks,
            starts: Vec::new(),
        }
    }

    /// Takes one more under a number that has none.
    pub(super) fn take(&mut self, number: usize) {
        if number >= self.starts.len() {
            self.starts.resize(number + 1, None);
        }
        if let Some(start @ None) = self.starts.get_mut(number) {
            *start = Some(self.chunks.take());
        }
    }

    pub(super) fn get(&self, number: usize) -> Option<&[u8; CHUNK]> {
        let start = (*self.starts.get(number)?)?;
        // SAFETY: so many bytes are there, and are zeros or what was written; nobody else has them, and a
        // unique reference is asked for to write.
        Some(unsafe { start.cast().as_ref() })
    }

    /// Has the processor fetch what will be read, all lines side by side rather than one after the other.
    pub(super) fn prefetch(&self, number: usize, offset: usize) {
        let chunk = self.get(number).and_then(|chunk| chunk.get(offset..));
        let chunk = chunk.unwrap_or_default();
        for line in 0..AHEAD.min(chunk.len() / LINE) {
            prefetch_line(chunk.as_ptr().wrapping_add(line * LINE));
        }
    }

    /// The same for the first line alone, if only a little of what is there will be read.
    pub(super) fn prefetch_first(&self, number: usize, offset: usize) {
        let chunk = self.get(number).and_then(|chunk| chunk.get(offset..));
        prefetch_line(chunk.unwrap_or_default().as_ptr());
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut [u8; CHUNK]> {
        let start = (*self.starts.get(number)?)?;
        // SAFETY: the same, and the reference to this is unique.
        Some(unsafe { start.cast().as_mut() })
    }

    /// Has it no more; it goes back when it is dropped.
    pub(super) fn part_with(&mut self, number: usize) -> Option<Taken> {
        let start = self.starts.get_mut(number)?.take()?;
        Some(Taken {
            chunks: Arc::clone(&self.chunks),
            starts: vec![Some(start)],
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for start in self.starts.drain(..).flatten() {
            // SAFETY: it was taken there, and who borrowed it of this has given it back.
            unsafe { self.chunks.put_back(start) };
        }
    }
}

impl fmt::Debug for Taken {
    /// Not what is in it: bodies do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taken").field(&self.starts.len()).finish()
    }
}

#[cfg(target_arch = "x86_64")]
fn prefetch_line(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, which reads nothing that could be told, and fails nowhere.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
fn prefetch_line(_: *const u8) {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn take(chunks: &Arc<Chunks>, count: usize) -> Taken {
        let mut taken = Taken::new(Arc::clone(chunks));
        (0..count).for_each(|number| taken.take(number));
        taken
    }

    #[test]
    fn a_chunk_is_had_by_one_alone() {
        for bytes in [0, 10 * CHUNK as u64, 1 << 20] {
            let chunks = Arc::new(Chunks::reserve(bytes));
            // More than were reserved.
            let mut all = [take(&chunks, 10), take(&chunks, 10)];
            for (n, taken) in all.iter_mut().enumerate() {
                for number in 0..10 {
                    taken.get_mut(number).unwrap().fill((10 * n + number) as u8);
                }
            }
            for (n, taken) in all.iter().enumerate() {
                for number in 0..10 {
                    let byte = (10 * n + number) as u8;
                    assert!(taken.get(number).unwrap().iter().all(|b| *b == byte));
                }
            }
        }
    }

    #[test]
    fn what_nobody_has_is_taken_again_or_given_back() {
        let chunks = Arc::new(Chunks::reserve(1 << 30));
        let mut taken = take(&chunks, 1000);
        let first = taken.starts.clone();
        let parted = taken.part_with(7).unwrap();
        assert!(taken.get(7).is_none() && parted.get(0).is_some());
        drop((taken, parted));
        let waiting = chunks.lock().waiting.len();
        assert!(waiting <= 1000 / WAITING_SHARE + WAITING, "{waiting}");
        let mut again = take(&chunks, 1000);
        assert!(again.starts.iter().all(|start| first.contains(start)));
        for number in 0..1000 {
            again.get_mut(number).unwrap().fill(7);
        }
        assert!((0..1000).all(|number| again.get(number).unwrap().iter().all(|b| *b == 7)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_taken_before_is_there_and_stays() {
        const BYTES: usize = 8 << 20;
        let usual = Chunks::reserve(64 << 20);
        assert_eq!(resident(usual.base.unwrap(), BYTES), 0);
        let chunks = Chunks::prefaulted(64 << 20, BYTES as u64);
        let first = chunks.base.unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while resident(first, BYTES) < BYTES {
            assert!(Instant::now() < end, "it is not taken");
            thread::yield_now();
        }
        let number = BYTES / CHUNK;
        let mut taken = take(&chunks, 4 * number);
        assert!(taken.starts.contains(&Some(first)));
        for number in 0..4 * number {
            taken.get_mut(number).unwrap().fill(7);
        }
        drop(taken);
        assert_eq!(resident(first, BYTES), BYTES);
        let again = take(&chunks, number);
        assert!(
            again
                .starts
                .iter()
                .flatten()
                .all(|start| chunks.number(*start) < number)
        );
    }

    /// Bytes of these addresses that have memory behind them.
    #[cfg(target_os = "linux")]
    fn resident(start: NonNull<u8>, length: usize) -> usize {
        use std::os::unix::fs::FileExt;
        const PAGE: usize = 4096;
        let pagemap = std::fs::File::open("/proc/self/pagemap").unwrap();
        let is_there = |page: usize| {
            let mut entry = [0; 8];
            let number = start.as_ptr() as usize / PAGE + page;
            pagemap
                .read_exact_at(&mut entry, 8 * number as u64)
                .unwrap();
            u64::from_le_bytes(entry) >> 63 == 1
        };
        PAGE * (0..length / PAGE).filter(|page| is_there(*page)).count()
    }

    #[test]
    fn chunks_outlive_who_holds_the_reservation() {
        let chunks = Arc::new(Chunks::reserve(1 << 20));
        let mut taken = take(&chunks, 1);
        drop(chunks);
        taken.get_mut(0).unwrap().fill(3);
        // Wherever that is.
        for (number, offset) in [(0, 0), (0, CHUNK - 1), (0, CHUNK), (0, usize::MAX), (1, 0)] {
            taken.prefetch(number, offset);
            taken.prefetch_first(number, offset);
        }
        assert_eq!(taken.get(0).unwrap().first(), Some(&3));
    }
}
