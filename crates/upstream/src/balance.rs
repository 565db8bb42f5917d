//! Which endpoint is next. Pure: time and state are passed in.

use std::time::Instant;

use perigee_health::{PanicShare, is_believed};

/// What is known of one endpoint of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Requests under way there.
    pub(crate) in_flight: usize,
    /// When it may be tried again, if it is down.
    pub(crate) down_until: Option<Instant>,
    /// Whether this very request has failed there.
    pub(crate) tried: bool,
}

/// The endpoint to use, by its place in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Believed to work.
    Use(usize),
    /// Down, and due for one request that shows whether it still is.
    Trial(usize),
}

/// Chooses, for a request that may be made a trial of or not. A trial that is due goes first; else
/// the fewest requests in flight among those that are up, from `turn` on when equal. When too few
/// are up to be believed, all are taken as up. None if nothing is left to try.
pub(crate) fn next(
    candidates: &[Candidate],
    may_be_trial: bool,
    share: PanicShare,
    turn: usize,
    now: Instant,
) -> Option<Choice> {
    // Most origins are one endpoint that is up.
    if let [only] = candidates
        && only.down_until.is_none()
    {
        return (!only.tried).then_some(Choice::Use(0));
    }
    let total = candidates.len();
    let up = candidates.iter().filter(|c| c.down_until.is_none()).count();
    let believed = is_believed(up, total, share);
    // The endpoints not tried yet, beginning with the one whose turn it is.
    let from_turn = || {
        (0..total)
            .map(|step| (turn % total + step) % total)
            .map(|index| (index, candidates[index]))
            .filter(|(_, candidate)| !candidate.tried)
    };
    if believed && may_be_trial {
        let due = |c: Candidate| c.down_until.is_some_and(|until| until <= now);
        if let Some((index, _)) = from_turn().find(|(_, c)| due(*c)) {
            return Some(Choice::Trial(index));
        }
    }
    from_turn()
        .filter(|(_, c)| !believed || c.down_until.is_none())
        .min_by_key(|(_, c)| c.in_flight)
        .map(|(index, _)| Choice::Use(index))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Choice::*, *};

    const UP: Candidate = Candidate {
        in_flight: 0,
        down_until: None,
        tried: false,
    };

    fn busy(in_flight: usize) -> Candidate {
        Candidate { in_flight, ..UP }
    }

    fn tried() -> Candidate {
        Candidate { tried: true, ..UP }
    }

    struct Case {
        now: Instant,
    }

    impl Case {
        fn new() -> Self {
            Case {
                now: Instant::now(),
            }
        }

        fn down_for(&self, seconds: u64) -> Candidate {
            Candidate {
                down_until: Some(self.now + Duration::from_secs(seconds)),
                ..UP
            }
        }

        fn next(&self, candidates: &[Candidate], turn: usize) -> Option<Choice> {
            next(candidates, true, PanicShare::default(), turn, self.now)
        }
    }

    #[test]
    fn fewest_in_flight_wins() {
        let case = Case::new();
        assert_eq!(case.next(&[busy(3), busy(1), busy(2)], 0), Some(Use(1)));
    }

    #[test]
    fn equals_take_turns() {
        let case = Case::new();
        let chosen: Vec<_> = (0..4).map(|turn| case.next(&[UP, UP, UP], turn)).collect();
        assert_eq!(
            chosen,
            [Some(Use(0)), Some(Use(1)), Some(Use(2)), Some(Use(0))]
        );
        assert_eq!(case.next(&[UP, UP], usize::MAX), Some(Use(1)));
    }

    #[test]
    fn who_is_down_is_left_alone_until_due() {
        let case = Case::new();
        assert_eq!(case.next(&[case.down_for(1), busy(9)], 0), Some(Use(1)));
        assert_eq!(case.next(&[case.down_for(0), UP], 1), Some(Trial(0)));
    }

    #[test]
    fn only_what_can_be_repeated_is_a_trial() {
        let case = Case::new();
        let candidates = [case.down_for(0), UP];
        let chosen = next(&candidates, false, PanicShare::default(), 0, case.now);
        assert_eq!(chosen, Some(Use(1)));
    }

    #[test]
    fn tried_ones_are_passed_over_to_the_end() {
        let case = Case::new();
        assert_eq!(case.next(&[tried(), UP], 0), Some(Use(1)));
        assert_eq!(case.next(&[tried(), tried()], 0), None);
        assert_eq!(case.next(&[tried(), case.down_for(1)], 0), None);
        assert_eq!(case.next(&[], 0), None);
    }

    #[test]
    fn with_too_few_up_all_are_taken() {
        let case = Case::new();
        let down = case.down_for(60);
        assert_eq!(case.next(&[down], 0), Some(Use(0)));
        assert_eq!(case.next(&[down, down], 1), Some(Use(1)));
        let one_of_three = [busy(1), down, down];
        let half = PanicShare(0.5);
        let chosen = next(&one_of_three, true, half, 0, case.now);
        assert_eq!(chosen, Some(Use(1)));
        let third = PanicShare(0.3);
        let chosen = next(&one_of_three, true, third, 0, case.now);
        assert_eq!(chosen, Some(Use(0)));
    }
}
