//! Counts what is allocated, in the whole process: who takes this in is a test binary of its own.

#![allow(
    unsafe_code,
    reason = "an allocator that counts can be had in no other way"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Bytes that are allocated now.
static LIVE: AtomicIsize = AtomicIsize::new(0);

/// Allocations, ever.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; to count needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        TAKEN.fetch_add(1, Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often something was allocated so far.
#[allow(dead_code, reason = "one of the tests asks for it")]
pub(crate) fn taken() -> usize {
    TAKEN.load(Relaxed)
}

/// Bytes that are allocated once that has not changed for a moment in which `holds` was true.
pub(crate) fn settled(holds: impl Fn() -> bool) -> isize {
    let (begun, mut same, mut last) = (Instant::now(), 0, 0);
    while same < 20 {
        assert!(begun.elapsed() < Duration::from_secs(30), "never settles");
        std::thread::sleep(Duration::from_millis(5));
        let now = LIVE.load(Relaxed);
        let is_same = now == last && holds();
        (same, last) = (if is_same { same + 1 } else { 0 }, now);
    }
    last
}
