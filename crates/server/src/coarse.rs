//! The time as of the kernel's last tick, which is some milliseconds ago at the most: for marks of which timeouts are
//! reckoned, and for ages in seconds. It costs less than the exact time, and is asked for at each request.

use std::time::{Duration, SystemTime};

#[cfg(target_os = "linux")]
mod ticks {
    //! Through the C library, as the standard library asks for the exact time: who puts another clock in its place has
    //! put it here, too.
    #![allow(unsafe_code)]

    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    fn since_zero(clock: libc::clockid_t) -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: it writes to `time`, which is there, and to nothing else. Both clocks are in every Linux since 2.6.32.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    pub(crate) fn since_boot() -> Duration {
        since_zero(libc::CLOCK_MONOTONIC_COARSE)
    }

    pub(crate) fn wall() -> SystemTime {
        UNIX_EPOCH + since_zero(libc::CLOCK_REALTIME_COARSE)
    }
}

#[cfg(not(target_os = "linux"))]
mod ticks {
    use std::{
        sync::LazyLock,
        time::{Duration, Instant, SystemTime},
    };

    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(crate) fn since_boot() -> Duration {
        BEGAN.elapsed()
    }

    pub(crate) fn wall() -> SystemTime {
        SystemTime::now()
    }
}

/// On a clock that nobody sets; from when it counts is of no account.
pub(crate) use ticks::since_boot;
/// On the wall.
pub(crate) use ticks::wall;

/// Both clocks for all that came together, each looked at when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    wall: Option<SystemTime>,
    since_boot: Option<Duration>,
}

impl Glance {
    pub(crate) fn wall(&mut self) -> SystemTime {
        *self.wall.get_or_insert_with(wall)
    }

    pub(crate) fn since_boot(&mut self) -> Duration {
        *self.since_boot.get_or_insert_with(since_boot)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A tick is ten milliseconds at the most (`CONFIG_HZ`), but nobody may have looked for long on a busy machine.
    const NEAR: Duration = Duration::from_secs(5);

    #[test]
    fn both_clocks_go_with_the_exact_ones() {
        let (began, began_coarse) = (Instant::now(), since_boot());
        while began.elapsed() < Duration::from_millis(30) {
            std::thread::yield_now();
        }
        let passed = since_boot() - began_coarse;
        assert!(passed >= Duration::from_millis(10), "{passed:?}");
        assert!(passed <= began.elapsed() + NEAR, "{passed:?}");
        let (before, now) = (SystemTime::now(), wall());
        assert!(now + NEAR >= before && now <= SystemTime::now() + NEAR);
    }
}
