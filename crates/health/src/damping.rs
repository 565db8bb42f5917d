//! A target that falls again soon after it came back must show for longer that it is well.

use std::time::Duration;

/// How often a target fell soon after it had come back. Each such fall doubles what it must show
/// before it is believed again; one that stayed up for the window starts anew.
///
/// Times are since any fixed moment, always the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damping {
    window: Duration,
    factor: u32,
    rose: Option<Duration>,
}

impl Damping {
    /// The most that is asked of a target: so many times the usual successes.
    pub const MOST: u32 = 32;

    /// Nothing has fallen yet. A window of zero damps nothing.
    pub fn new(window: Duration) -> Self {
        Damping {
            window,
            factor: 1,
            rose: None,
        }
    }

    /// It went down. A fall that follows no return is not flapping.
    pub fn fell(&mut self, now: Duration) {
        let flaps = self
            .rose
            .is_some_and(|rose| now.saturating_sub(rose) < self.window);
        self.factor = match flaps {
            true => (self.factor * 2).min(Self::MOST),
            false => 1,
        };
    }

    /// It came back.
    pub fn rose(&mut self, now: Duration) {
        self.rose = Some(now);
    }

    /// How many times the usual successes in a row it needs to be up again: 1, 2, 4 and so on up to
    /// [`Damping::MOST`].
    pub fn factor(&self) -> u32 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The factor after each fall of a target that comes back and falls at these seconds.
    fn factors(window: u64, turns: &[(u64, u64)]) -> Vec<u32> {
        let mut damping = Damping::new(seconds(window));
        let turn = |(rises, falls): &(u64, u64)| {
            damping.rose(seconds(*rises));
            damping.fell(seconds(*falls));
            damping.factor()
        };
        turns.iter().map(turn).collect()
    }

    #[test]
    fn the_first_fall_is_no_flapping() {
        let mut damping = Damping::new(seconds(60));
        damping.fell(seconds(1));
        assert_eq!(damping.factor(), 1);
    }

    #[test]
    fn each_fall_soon_after_a_return_doubles_up_to_a_limit() {
        let turns: Vec<_> = (0..8).map(|i| (i * 100, i * 100 + 59)).collect();
        assert_eq!(factors(60, &turns), [2, 4, 8, 16, 32, 32, 32, 32]);
    }

    #[test]
    fn who_stays_up_for_the_window_starts_anew() {
        assert_eq!(
            factors(60, &[(0, 1), (5, 6), (10, 70), (80, 81)]),
            [2, 4, 1, 2]
        );
    }

    #[test]
    fn how_long_it_was_down_does_not_matter() {
        assert_eq!(factors(60, &[(0, 1), (10_000, 10_001)]), [2, 4]);
    }

    #[test]
    fn no_window_damps_nothing() {
        assert_eq!(factors(0, &[(0, 0), (0, 0), (1, 1)]), [1, 1, 1]);
    }

    proptest! {
        /// Against the definition: two to the power of the falls in a row that came too soon.
        #[test]
        fn follows_the_definition(stays in prop::collection::vec((0_u64..100, 0_u64..120), 0..40)) {
            let (mut now, mut soon) = (0, 0);
            let mut damping = Damping::new(seconds(60));
            for (down, up) in stays {
                now += down;
                damping.rose(seconds(now));
                now += up;
                damping.fell(seconds(now));
                soon = if up < 60 { soon + 1 } else { 0 };
                prop_assert_eq!(damping.factor(), 1 << soon.min(5));
            }
        }
    }
}
