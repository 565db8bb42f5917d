//! Since when this node has heard of all that was purged, for the request path: one load.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
    time::{Duration, SystemTime},
};

use perigee_http_cache::{Came, Now, Times};

/// How far what is stored may be trusted, as far as purges go. Who follows the purges of others says
/// so now and then ([`InTouch::set`]); in between the node falls out of touch by itself, also while
/// its process is stopped.
///
/// Both times are in one word, in sixteenths of a second since about four years before the start:
/// until when it is in touch (32 bits, rounded down), and the floor (32 bits, rounded up).
#[derive(Debug)]
pub struct InTouch {
    word: AtomicU64,
    beginning: SystemTime,
    out_of_touch: Duration,
}

/// In touch for ever, and no floor.
const ALWAYS: u64 = (u32::MAX as u64) << 32;

const TICKS_PER_SECOND: u64 = 16;
const TICK_NANOS: u32 = 1_000_000_000 / TICKS_PER_SECOND as u32;

impl InTouch {
    /// For a node that starts now. Until something else is said it is always in touch. Out of touch,
    /// what was received longer ago than `out_of_touch` is to be validated.
    pub fn new(out_of_touch: Duration, now: SystemTime) -> Self {
        let before = Duration::from_secs((1 << 31) / TICKS_PER_SECOND);
        InTouch {
            word: AtomicU64::new(ALWAYS),
            // A clock that is before 1974 has other troubles.
            beginning: now.checked_sub(before).unwrap_or(SystemTime::UNIX_EPOCH),
            out_of_touch,
        }
    }

    /// The node is in touch until then, if at all; and what was received before the floor is to be
    /// validated.
    pub fn set(&self, until: Option<SystemTime>, floor: Option<SystemTime>, now: SystemTime) {
        let floor = floor.map_or(0, |floor| self.ticks(floor, true));
        // What comes in the tick of the floor would be taken as from before it.
        let is_past = floor <= self.ticks(now, false);
        let until = until.filter(|_| is_past);
        let until = until.map_or(0, |until| self.ticks(until, false));
        let word = u64::from(until) << 32 | u64::from(floor);
        self.word.store(word, Release);
    }

    /// Now, and since when what is stored may be trusted.
    pub fn at(&self, now: SystemTime) -> Now {
        Now {
            time: now,
            trusted_since: self.since(now),
        }
    }

    /// A response with these times, that has just come.
    pub fn came(&self, times: Times) -> Came {
        Came {
            times,
            trusted_since: self.since(times.received),
        }
    }

    fn since(&self, now: SystemTime) -> Option<SystemTime> {
        let word = self.word.load(Acquire);
        if word == ALWAYS {
            return None;
        }
        let (until, floor) = ((word >> 32) as u32, word as u32);
        let floor = (floor != 0).then(|| self.beginning + duration(floor));
        match until > self.ticks(now, false) {
            true => floor,
            false => floor.max(now.checked_sub(self.out_of_touch)),
        }
    }

    /// Each hit asks for it: in 32 and 64 bits, which divide fast.
    fn ticks(&self, time: SystemTime, up: bool) -> u32 {
        let since = time.duration_since(self.beginning).unwrap_or_default();
        let nanos = since.subsec_nanos();
        let begun = match up {
            true => nanos.div_ceil(TICK_NANOS),
            false => nanos / TICK_NANOS,
        };
        let whole = since.as_secs().saturating_mul(TICKS_PER_SECOND);
        u32::try_from(whole.saturating_add(begun.into())).unwrap_or(u32::MAX)
    }
}

fn duration(ticks: u32) -> Duration {
    Duration::from_millis(u64::from(ticks) * 1_000 / TICKS_PER_SECOND)
        + Duration::from_micros(u64::from(ticks % 2) * 500)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn who_is_told_nothing_is_always_in_touch() {
        let in_touch = InTouch::new(WINDOW, at(0));
        for millis in [0, 1_000, 1_000_000_000_000] {
            assert_eq!(in_touch.at(at(millis)), Now::from(at(millis)));
        }
        in_touch.set(Some(at(1_000_000_000_000)), None, at(0));
        assert_eq!(in_touch.at(at(1_000_000_000)).trusted_since, None);
    }

    #[test]
    fn a_node_that_hears_nothing_falls_out_of_touch_by_itself() {
        let in_touch = InTouch::new(WINDOW, at(0));
        in_touch.set(Some(at(20_000)), None, at(10_000));
        assert_eq!(in_touch.at(at(19_900)).trusted_since, None);
        assert_eq!(in_touch.at(at(20_000)).trusted_since, Some(at(10_000)));
        assert_eq!(
            in_touch.at(at(3_600_000)).trusted_since,
            Some(at(3_590_000))
        );
    }

    #[test]
    fn a_floor_holds_in_touch_or_not() {
        let in_touch = InTouch::new(WINDOW, at(0));
        in_touch.set(Some(at(30_000)), Some(at(10_000)), at(20_000));
        assert_eq!(in_touch.at(at(21_000)).trusted_since, Some(at(10_000)));
        assert_eq!(in_touch.at(at(35_000)).trusted_since, Some(at(25_000)));
        in_touch.set(None, Some(at(20_000)), at(20_000));
        assert_eq!(in_touch.at(at(21_000)).trusted_since, Some(at(20_000)));
    }

    proptest! {
        /// Rounded, it is never less strict than what was said.
        #[test]
        fn rounding_trusts_nothing_more(
            until in proptest::option::of(0..100_000_u64),
            floor in proptest::option::of(0..100_000_u64),
            set in 0..100_000_u64,
            now in 0..100_000_u64,
        ) {
            let in_touch = InTouch::new(WINDOW, at(0));
            in_touch.set(until.map(at), floor.map(at), at(set));
            let since = in_touch.at(at(now)).trusted_since;
            let lost = until.is_none_or(|until| until < now);
            let least = floor.map(at).max(lost.then(|| at(now) - WINDOW));
            prop_assert!(since >= least, "{since:?} {least:?}");
            // And no more than a tick stricter.
            if floor.is_none_or(|floor| floor + 63 <= set) {
                let tick = Duration::from_millis(63);
                let lost = until.is_none_or(|until| until < now + 63);
                let most = floor.map(at).max(lost.then(|| at(now) - WINDOW));
                prop_assert!(since <= most.map(|most| most + tick), "{since:?} {most:?}");
            }
        }
    }
}
