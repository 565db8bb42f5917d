//! Counting successes and failures of one target.

/// How many results in a row change an opinion. One odd result between them starts the count
/// anew, so a target that answers every other time keeps the opinion it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures in a row after which a target is down. At least 1; default 2.
    pub fall: u32,
    /// Successes in a row after which a target is up again. At least 1; default 2.
    pub rise: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { fall: 2, rise: 2 }
    }
}

/// The result of one probe, or of one real request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered as it should.
    Success,
    /// It did not.
    Failure,
}

/// An opinion that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Down before, up now.
    WentUp,
    /// Up before, down now.
    WentDown,
}

/// The opinion about one target: up or down, with hysteresis. It keeps no time; who probes
/// decides how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracker {
    thresholds: Thresholds,
    up: bool,
    /// Results in a row that speak against the opinion held.
    against: u32,
}

impl Tracker {
    /// A target nothing is known about yet is believed `up` or not, as the caller says.
    pub fn new(thresholds: Thresholds, up: bool) -> Self {
        Tracker {
            thresholds,
            up,
            against: 0,
        }
    }

    /// Whether the target is believed up.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// From now on, so many successes in a row bring it back ([`Thresholds::rise`]).
    pub fn set_rise(&mut self, rise: u32) {
        self.thresholds.rise = rise;
    }

    /// Takes a result in; says so if it changed the opinion. Whoever acts on changes alone
    /// misses none: [`Tracker::is_up`] differs before and after exactly when there is one.
    pub fn observe(&mut self, outcome: Outcome) -> Option<Change> {
        let speaks_for_up = outcome == Outcome::Success;
        if speaks_for_up == self.up {
            self.against = 0;
            return None;
        }
        // The count never passes a threshold, so it cannot overflow.
        self.against += 1;
        let needed = if self.up {
            self.thresholds.fall
        } else {
            self.thresholds.rise
        };
        if self.against < needed.max(1) {
            return None;
        }
        self.up = !self.up;
        self.against = 0;
        Some(if self.up {
            Change::WentUp
        } else {
            Change::WentDown
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Change::{WentDown, WentUp},
        Outcome::{Failure, Success},
        *,
    };

    fn tracker(fall: u32, rise: u32, up: bool) -> Tracker {
        Tracker::new(Thresholds { fall, rise }, up)
    }

    #[test]
    fn falls_after_failures_in_a_row_and_rises_after_successes() {
        let mut target = tracker(3, 2, true);
        assert_eq!(target.observe(Failure), None);
        assert_eq!(target.observe(Failure), None);
        assert!(target.is_up());
        assert_eq!(target.observe(Failure), Some(WentDown));
        assert!(!target.is_up());
        assert_eq!(target.observe(Failure), None, "it is said once");
        assert_eq!(target.observe(Success), None);
        assert_eq!(target.observe(Success), Some(WentUp));
        assert!(target.is_up());
    }

    #[test]
    fn one_success_starts_the_count_anew() {
        let mut target = tracker(2, 2, true);
        for _ in 0..100 {
            assert_eq!(target.observe(Failure), None);
            assert_eq!(target.observe(Success), None);
        }
        assert!(target.is_up());
    }

    #[test]
    fn a_target_may_begin_down() {
        let mut target = tracker(2, 1, false);
        assert!(!target.is_up());
        assert_eq!(target.observe(Success), Some(WentUp));
    }

    #[test]
    fn a_threshold_of_zero_counts_as_one() {
        let mut target = tracker(0, 0, true);
        assert_eq!(target.observe(Success), None);
        assert_eq!(target.observe(Failure), Some(WentDown));
        assert_eq!(target.observe(Failure), None);
        assert_eq!(target.observe(Success), Some(WentUp));
    }

    #[test]
    fn more_may_be_asked_of_one_that_is_down() {
        let mut target = tracker(1, 1, true);
        assert_eq!(target.observe(Failure), Some(WentDown));
        target.set_rise(3);
        for _ in 0..2 {
            assert_eq!(target.observe(Success), None);
        }
        assert_eq!(target.observe(Success), Some(WentUp));
    }

    proptest! {
        /// Against the definition, spelled out over the whole history: the opinion turns when
        /// the last `fall` or `rise` results since it last turned all speak against it.
        #[test]
        fn follows_the_definition(
            fall in 1_u32..5,
            rise in 1_u32..5,
            up in any::<bool>(),
            history in prop::collection::vec(any::<bool>(), 0..100),
        ) {
            let mut target = tracker(fall, rise, up);
            let mut opinion = up;
            let mut since_turn = Vec::new();
            for success in history {
                let change = target.observe(if success { Success } else { Failure });
                since_turn.push(success);
                let needed = if opinion { fall } else { rise } as usize;
                let turns = since_turn.len() >= needed
                    && since_turn.iter().rev().take(needed).all(|&success| success != opinion);
                let expected = match (turns, opinion) {
                    (false, _) => None,
                    (true, true) => Some(WentDown),
                    (true, false) => Some(WentUp),
                };
                prop_assert_eq!(change, expected);
                if turns {
                    opinion = !opinion;
                    since_turn.clear();
                }
                prop_assert_eq!(target.is_up(), opinion);
            }
        }
    }
}
