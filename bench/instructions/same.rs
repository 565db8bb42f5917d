//! A clock and random numbers that are the same in each run.
//!
//! Counts repeat exactly only if no hash table has other seeds, no date is written anew and no timer is
//! due at another moment. So the three functions of the C library from which all of that comes are
//! defined here, and the linker takes these: for the standard library, tokio and all crates.

#![allow(
    unsafe_code,
    reason = "functions of the C library are defined here, by their names"
)]

use std::{
    slice,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use libc::{c_int, c_long, c_uint, c_void, clockid_t, epoll_event, size_t, ssize_t, timespec};

/// When all runs begin: 2023-11-14 22:13:20 UTC.
const BEGIN: i64 = 1_700_000_000;

/// Milliseconds that were waited for in vain so far: nothing else lets time pass.
static WAITED: AtomicI64 = AtomicI64::new(0);

/// Where the random numbers stand (SplitMix64).
static RANDOM: AtomicU64 = AtomicU64::new(9_111);

// SAFETY: the name and signature of clock_gettime(3); `out` is a caller's valid pointer, as it says.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(_clock: clockid_t, out: *mut timespec) -> c_int {
    let waited = WAITED.load(Relaxed);
    let time = timespec {
        tv_sec: BEGIN + waited / 1_000,
        tv_nsec: (waited % 1_000 * 1_000_000) as c_long,
    };
    unsafe { out.write(time) };
    0
}

// SAFETY: the name and signature of getrandom(2); `out` has room for `length` octets, as it says.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(out: *mut c_void, length: size_t, _flags: c_uint) -> ssize_t {
    unsafe { out.write_bytes(0, length) };
    for octet in unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), length) } {
        let mut mixed = RANDOM.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        *octet = (mixed >> 32) as u8;
    }
    length as ssize_t
}

/// Time passes when this waits in vain.
// SAFETY: the name, signature and meaning of epoll_wait(2), whose arguments are passed on.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    let none: *const c_void = std::ptr::null();
    let came =
        unsafe { libc::syscall(libc::SYS_epoll_pwait, epoll, events, most, timeout, none, 8) };
    if came == 0 && timeout > 0 {
        WAITED.fetch_add(timeout.into(), Relaxed);
    }
    came as c_int
}

#[cfg(test)]
mod tests {
    use std::{
        hash::{BuildHasher, RandomState},
        time::{Duration, Instant, SystemTime, UNIX_EPOCH},
    };

    use tokio::{runtime::Builder, time::sleep};

    #[test]
    fn time_passes_only_while_nothing_is_done() {
        let (wall, begun) = (SystemTime::now(), Instant::now());
        assert_eq!(wall, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        std::thread::sleep(Duration::from_millis(3));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { sleep(Duration::from_millis(20)).await });
        let passed = begun.elapsed();
        assert!((20..100).contains(&passed.as_millis()), "{passed:?}");
        assert_eq!(wall.elapsed().unwrap(), passed);
    }

    #[test]
    fn hash_tables_have_the_seeds_that_are_made_here() {
        let before = super::RANDOM.load(super::Relaxed);
        let seeded = std::thread::spawn(|| RandomState::new().hash_one(1));
        seeded.join().unwrap();
        assert_ne!(super::RANDOM.load(super::Relaxed), before);
    }
}
