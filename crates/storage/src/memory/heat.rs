//! What a key is worth keeping for.
//!
//! A request counts one, and what it counted decays: after one half-life it counts half. So the
//! heat of a key is how often it was asked for lately. What is kept is logarithms: the heat as it
//! was at one moment for all, so that it need not be touched while time goes by, and two keys
//! compare as they are. (LRFU, Lee et al. 1999: between what was asked for last and what is asked
//! for most, by one number.)

/// The logarithms (base 2) are kept in steps of 1/4096.
const STEP_BITS: u32 = 12;
const STEPS: f32 = (1 << STEP_BITS) as f32;

/// How far a heat may be above the clock, in steps: 2^16 requests at one moment.
const ABOVE: u32 = 16 << STEP_BITS;

/// How much the size of an object says. With 0 that one is kept which is asked for most, so that
/// the most bytes are hits; with 1 that one for which most requests are hits per byte, so that the
/// most requests are hits. This is what does well in both; see `bench/replay`.
const SIZE_EXPONENT: f32 = 0.2;

/// A moment in half-lives. Wraps around, and nobody minds: see [`Heat::worth`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u32);

impl Moment {
    /// So many 2^32nd parts of a half-life after the beginning.
    pub(super) fn of(parts: u64) -> Self {
        Moment((parts >> (32 - STEP_BITS)) as u32)
    }
}

/// `log(1 + 2^-n)` for n = 0, 1, 2, ... in steps.
const MORE: [i32; 15] = [
    4096, 2396, 1319, 696, 358, 182, 92, 46, 23, 12, 6, 3, 1, 1, 0,
];

/// `log(1 + 2^-apart)`, between those: at most a fiftieth too much.
fn more(apart: u32) -> i32 {
    let at = (apart >> STEP_BITS) as usize;
    match (MORE.get(at), MORE.get(at + 1)) {
        (Some(here), Some(next)) => {
            let part = (apart & ((1 << STEP_BITS) - 1)).cast_signed();
            here - (((here - next) * part) >> STEP_BITS)
        }
        _ => 0,
    }
}

/// How often a key was asked for lately. The logarithm of the count, had it not decayed since the
/// clock began, in steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heat(u32);

impl Heat {
    pub(super) fn written(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    pub(super) fn read(written: [u8; 4]) -> Self {
        Heat(u32::from_le_bytes(written))
    }

    /// Asked for once, now.
    pub(super) fn first(now: Moment) -> Self {
        Heat(now.0)
    }

    /// Asked for once more.
    #[must_use]
    pub(super) fn again(self, now: Moment) -> Self {
        // log(2^a + 2^b) = max(a, b) + log(1 + 2^-|a - b|), and one request now is 2^0.
        let above = self.above(now);
        let sum = above.max(0).saturating_add(more(above.unsigned_abs()));
        Heat(now.0.wrapping_add_signed(sum.min(ABOVE.cast_signed())))
    }

    /// What it is worth to keep an object of this weight in bytes: the logarithm of its heat by a
    /// power of its weight, in steps.
    pub(super) fn worth(self, now: Moment, weight: u64) -> i64 {
        let size = (weight.max(1) as f32).log2() * SIZE_EXPONENT;
        i64::from(self.above(now)) - (size * STEPS) as i64
    }

    /// By how much this is above the clock; less than nothing for most.
    ///
    /// A key that has rested for a million half-lives would look hot for a moment.
    fn above(self, now: Moment) -> i32 {
        let below = now.0.wrapping_add(ABOVE).wrapping_sub(self.0);
        ABOVE.cast_signed() - below.min(i32::MAX.unsigned_abs()).cast_signed()
    }

    /// Which of two is the cooler one.
    pub(super) fn is_below(self, other: Heat, now: Moment) -> bool {
        self.above(now) < other.above(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(half_lives: u64) -> Moment {
        Moment::of(half_lives << 32)
    }

    /// Requests at these half-lives.
    fn heat(times: &[u64]) -> Heat {
        let mut times = times.iter().map(|&at| moment(at));
        let first = Heat::first(times.next().unwrap());
        times.fold(first, Heat::again)
    }

    /// The logarithm of the count by now.
    fn log_count(heat: Heat, now: u64) -> f32 {
        heat.worth(moment(now), 1) as f32 / STEPS
    }

    #[test]
    fn requests_are_counted_and_decay() {
        let is_near = |a: f32, b: f32| (a - b).abs() < 0.03;
        assert!(is_near(log_count(heat(&[5]), 5), 0.0));
        assert!(is_near(log_count(heat(&[5, 5, 5, 5]), 5), 2.0));
        assert!(is_near(log_count(heat(&[5, 5, 5, 5]), 6), 1.0));
        assert!(is_near(log_count(heat(&[5, 7]), 7), 1.25_f32.log2()));
    }

    #[test]
    fn heat_stays_what_it_is_when_the_clock_wraps() {
        let wrap = 1_u64 << (32 - STEP_BITS);
        for start in [0, wrap - 3, wrap - 1, wrap] {
            let hot = heat(&[start, start + 1, start + 1]);
            let cool = heat(&[start, start]);
            for later in 4..1000 {
                let now = moment(start + later);
                assert!(cool.is_below(hot, now));
                assert!(cool.worth(now, 1000) < hot.worth(now, 1000));
                assert!(hot.worth(now, 1000) < Heat::first(now).worth(now, 1000));
            }
        }
    }

    #[test]
    fn the_hottest_has_a_bound() {
        let mut heat = Heat::first(moment(1));
        for _ in 0..1_000_000 {
            heat = heat.again(moment(1));
        }
        assert!(log_count(heat, 1) <= 16.0);
        assert!(log_count(heat, 1) > 10.0);
    }

    #[test]
    fn of_two_as_hot_the_smaller_one_is_worth_more() {
        let (now, heat) = (moment(1), heat(&[0, 1]));
        assert!(heat.worth(now, 1000) > heat.worth(now, 2000));
        let larger = heat.again(now).again(now);
        assert!(
            larger.worth(now, 2000) > heat.worth(now, 1000),
            "but heat says more"
        );
    }
}
