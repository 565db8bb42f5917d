//! What follows from what was ordered, as time goes by. Pure: times are passed in.

use std::time::{Duration, Instant};

use super::{DrainOrder, Phase};

/// The last part of the grace, in which each answer closes its connection. Not all of it: who is
/// sent away while resolvers still have the address comes back at once, with another handshake.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a drain takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long a node takes new requests after it has said that it drains.
    pub(crate) grace: Duration,
    /// How long what is under way has after that.
    pub(crate) deadline: Duration,
}

/// What a process is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Serve,
    /// Say that it drains.
    Leave,
    /// Close connections with their next answers, too.
    TurnAway,
    /// Let nobody in, finish, and stop.
    Finish,
}

/// What was ordered, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drain {
    #[default]
    Serving,
    Leaving {
        since: Instant,
        stops: bool,
    },
    Finishing {
        since: Instant,
        begun: Instant,
    },
}

impl Drain {
    /// A second order to drain counts from the first one.
    pub(super) fn order(
        &mut self,
        order: DrainOrder,
        terms: Terms,
        now: Instant,
    ) -> Result<(), &'static str> {
        if order.undo && order.keep_running {
            return Err("`undo` and `keep_running` are two orders: give one");
        }
        let late = matches!(self.step(terms, now), (Step::Finish, _));
        *self = match *self {
            Drain::Finishing { .. } if order.undo => {
                return Err(
                    "it is too late to take the drain back: the node lets nobody in any more",
                );
            }
            Drain::Finishing { .. } if order.keep_running => {
                return Err("the node stops already, and lets nobody in any more");
            }
            same if late => same,
            _ if order.undo => Drain::Serving,
            Drain::Leaving { since, .. } => Drain::Leaving {
                since,
                stops: !order.keep_running,
            },
            _ => Drain::Leaving {
                since: now,
                stops: !order.keep_running,
            },
        };
        Ok(())
    }

    /// What to do now, and when that changes by itself.
    pub(super) fn step(&mut self, terms: Terms, now: Instant) -> (Step, Option<Instant>) {
        let Drain::Leaving { since, stops } = *self else {
            let finishing = matches!(self, Drain::Finishing { .. });
            return (if finishing { Step::Finish } else { Step::Serve }, None);
        };
        let end = since + terms.grace;
        let farewell = since + terms.grace.saturating_sub(FAREWELL);
        if now < farewell {
            (Step::Leave, Some(farewell))
        } else if now < end {
            (Step::TurnAway, Some(end))
        } else if stops {
            *self = Drain::Finishing { since, begun: now };
            (Step::Finish, None)
        } else {
            (Step::TurnAway, None)
        }
    }

    pub(super) fn stops(&self) -> bool {
        match self {
            Drain::Serving => false,
            Drain::Leaving { stops, .. } => *stops,
            Drain::Finishing { .. } => true,
        }
    }

    /// How far it is, since when it drains, and when the phase ends at the latest.
    pub(super) fn phase(
        &self,
        terms: Terms,
        now: Instant,
    ) -> (Phase, Option<Instant>, Option<Instant>) {
        match *self {
            Drain::Serving => (Phase::Serving, None, None),
            Drain::Leaving { since, stops } => {
                let end = since + terms.grace;
                match now < end || stops {
                    true => (Phase::Leaving, Some(since), Some(end)),
                    false => (Phase::Left, Some(since), None),
                }
            }
            Drain::Finishing { since, begun } => {
                let end = begun + terms.deadline;
                (Phase::Finishing, Some(since), Some(end))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        grace: Duration::from_secs(20),
        deadline: Duration::from_secs(30),
    };

    const DRAIN: DrainOrder = DrainOrder {
        keep_running: false,
        undo: false,
    };
    const KEEP: DrainOrder = DrainOrder {
        keep_running: true,
        ..DRAIN
    };
    const UNDO: DrainOrder = DrainOrder {
        undo: true,
        ..DRAIN
    };

    /// A drain, and a clock.
    struct Case {
        drain: Drain,
        begun: Instant,
    }

    impl Case {
        fn new() -> Self {
            Case {
                drain: Drain::default(),
                begun: Instant::now(),
            }
        }

        fn order(&mut self, order: DrainOrder, second: u64) -> Result<(), &'static str> {
            let now = self.begun + Duration::from_secs(second);
            self.drain.order(order, TERMS, now)
        }

        /// The step at this second, and the second of the next one.
        fn at(&mut self, second: u64) -> (Step, Option<u64>) {
            let now = self.begun + Duration::from_secs(second);
            let (step, next) = self.drain.step(TERMS, now);
            (step, next.map(|next| (next - self.begun).as_secs()))
        }

        fn phase(&self, second: u64) -> Phase {
            let now = self.begun + Duration::from_secs(second);
            self.drain.phase(TERMS, now).0
        }
    }

    #[test]
    fn goes_step_by_step_to_the_end() {
        let mut case = Case::new();
        assert_eq!(case.at(0), (Step::Serve, None));
        case.order(DRAIN, 10).expect("drains");
        assert_eq!(case.at(10), (Step::Leave, Some(25)));
        assert_eq!(case.phase(24), Phase::Leaving);
        assert_eq!(case.at(25), (Step::TurnAway, Some(30)));
        assert_eq!(case.at(30), (Step::Finish, None));
        assert_eq!(case.phase(30), Phase::Finishing);
    }

    #[test]
    fn a_short_grace_turns_away_from_its_beginning() {
        let mut drain = Drain::default();
        let now = Instant::now();
        let terms = |seconds| Terms {
            grace: Duration::from_secs(seconds),
            ..TERMS
        };
        drain.order(DRAIN, terms(1), now).expect("drains");
        assert_eq!(drain.step(terms(1), now).0, Step::TurnAway);
        assert_eq!(drain.step(terms(0), now), (Step::Finish, None));
    }

    #[test]
    fn one_that_keeps_running_waits_to_be_told() {
        let mut case = Case::new();
        case.order(KEEP, 0).expect("drains");
        assert_eq!(case.at(20), (Step::TurnAway, None));
        assert_eq!(
            (case.phase(19), case.phase(20)),
            (Phase::Leaving, Phase::Left)
        );
        // Told to stop, it need not wait a second time.
        case.order(DRAIN, 60).expect("stops");
        assert_eq!(case.at(60), (Step::Finish, None));
    }

    #[test]
    fn a_drain_can_be_taken_back_until_nobody_is_let_in() {
        for first in [DRAIN, KEEP] {
            let mut case = Case::new();
            case.order(first, 0).expect("drains");
            case.order(UNDO, 19).expect("is taken back");
            assert_eq!(case.at(40), (Step::Serve, None));
            // And it begins anew.
            case.order(DRAIN, 50).expect("drains");
            assert_eq!(case.at(51).0, Step::Leave);
        }
        let mut case = Case::new();
        case.order(DRAIN, 0).expect("drains");
        assert!(
            case.order(UNDO, 20)
                .is_err_and(|why| why.contains("too late"))
        );
        assert!(case.order(KEEP, 20).is_err());
        assert_eq!(case.order(DRAIN, 20), Ok(()));
        assert_eq!(case.at(21), (Step::Finish, None));
    }

    #[test]
    fn nothing_to_take_back_is_no_error() {
        let mut case = Case::new();
        assert_eq!(case.order(UNDO, 0), Ok(()));
        assert_eq!(case.phase(0), Phase::Serving);
    }

    #[test]
    fn stopping_can_be_put_off_while_clients_still_come() {
        let mut case = Case::new();
        case.order(DRAIN, 0).expect("drains");
        case.order(KEEP, 10).expect("keeps running");
        assert_eq!(case.at(20), (Step::TurnAway, None));
    }
}
