//! The circuit breaker of an origin: one that fails is left alone for a while, so that it can
//! recover, and so that nobody waits for what will not come. Pure: time is passed in.

use std::time::{Duration, Instant};

use crate::window::Window;

/// When an origin is left alone, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerConfig {
    /// Requests that must have failed within ten seconds. 0: it is never left alone. Default 10.
    pub failures: u32,
    /// The share of all requests of these ten seconds that must have failed. Default 0.5.
    pub share: f64,
    /// How long it is left alone at first. Default 1 s.
    pub break_for: Duration,
    /// How long at most: each request that is let through to try it, and fails, doubles the time.
    /// Default 10 s.
    pub break_max: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        BreakerConfig {
            failures: 10,
            share: 0.5,
            break_for: Duration::from_secs(1),
            break_max: Duration::from_secs(10),
        }
    }
}

/// Closed: all requests go. Open: none does, until the time is over. Half open: one goes, and its
/// outcome closes or opens again.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    state: State,
    /// How long it is open, or was last.
    time: Duration,
    /// Requests and failures while it is closed.
    counts: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    // A request is under way to try it.
    HalfOpen,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// As always.
    Go,
    /// Alone: what comes of it must be told, or that nothing does.
    Trial,
    /// Not before this time is over.
    Stay { for_now: Duration },
}

/// A change of state that is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It was closed before.
    Opened,
    /// All requests go again.
    Closed,
}

impl Breaker {
    pub(crate) fn new(config: BreakerConfig, now: Instant) -> Self {
        Breaker {
            state: State::Closed,
            time: config.break_for,
            counts: Window::new(now),
            config,
        }
    }

    /// Asks leave for a request.
    pub(crate) fn leave(&mut self, now: Instant) -> Leave {
        match self.state {
            State::Open { until } if until <= now => {
                self.state = State::HalfOpen;
                Leave::Trial
            }
            _ => match self.open_for(now) {
                None => Leave::Go,
                Some(for_now) => Leave::Stay { for_now },
            },
        }
    }

    /// How long no request may go, unless it is closed.
    pub(crate) fn open_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Closed => None,
            State::Open { until } => Some(until.saturating_duration_since(now)),
            // If the trial fails.
            State::HalfOpen => Some(self.time),
        }
    }

    /// Learns what came of a request that had leave. Those from before it opened say nothing new.
    pub(crate) fn learn(&mut self, leave: Leave, failed: bool, now: Instant) -> Option<Turn> {
        match (leave, self.state) {
            (Leave::Trial, State::HalfOpen) if failed => {
                self.time = self.time.saturating_mul(2).min(self.longest());
                self.open(now);
                None
            }
            (Leave::Trial, State::HalfOpen) => {
                (self.state, self.time) = (State::Closed, self.config.break_for);
                Some(Turn::Closed)
            }
            (Leave::Go, State::Closed) => {
                let [requests, failures] = self.counts.now(now);
                *requests += 1;
                *failures += u64::from(failed);
                let is_too_much = failed && self.is_too_much(now);
                is_too_much.then(|| {
                    self.open(now);
                    Turn::Opened
                })
            }
            _ => None,
        }
    }

    /// Nothing came of a trial that says anything: the next request is one.
    pub(crate) fn abandon(&mut self, now: Instant) {
        if self.state == State::HalfOpen {
            self.state = State::Open { until: now };
        }
    }

    fn is_too_much(&mut self, now: Instant) -> bool {
        let [requests, failures] = self.counts.sums(now);
        let least = u64::from(self.config.failures);
        least > 0 && failures >= least && failures as f64 >= self.config.share * requests as f64
    }

    fn open(&mut self, now: Instant) {
        self.counts.clear();
        let until = now + self.time;
        self.state = State::Open { until };
    }

    fn longest(&self) -> Duration {
        self.config.break_max.max(self.config.break_for)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Leave::*, *};

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Instant) {
        let now = Instant::now();
        let config = BreakerConfig {
            failures: 3,
            break_max: 5 * SECOND,
            ..BreakerConfig::default()
        };
        (Breaker::new(config, now), now)
    }

    fn opened() -> (Breaker, Instant) {
        let (mut breaker, now) = breaker();
        let turns: Vec<_> = (0..3).map(|_| breaker.learn(Go, true, now)).collect();
        assert_eq!(turns, [None, None, Some(Turn::Opened)]);
        (breaker, now)
    }

    #[test]
    fn opens_when_enough_of_them_fail() {
        let (mut breaker, now) = breaker();
        for failed in [true, false, false, false, true, false, true] {
            assert_eq!(breaker.learn(Go, failed, now), None);
            assert_eq!(breaker.leave(now), Go);
        }
        assert_eq!(breaker.learn(Go, true, now), Some(Turn::Opened));
        assert_eq!(breaker.leave(now), Stay { for_now: SECOND });
        assert_eq!(breaker.open_for(now + SECOND / 4), Some(SECOND * 3 / 4));
    }

    #[test]
    fn failures_of_long_ago_do_not_add_up() {
        let (mut breaker, start) = breaker();
        for n in 0..100 {
            assert_eq!(breaker.learn(Go, true, start + 5 * n * SECOND), None);
        }
    }

    #[test]
    fn one_request_tries_it_and_closes_it() {
        let (mut breaker, start) = opened();
        let due = start + SECOND;
        assert_eq!(breaker.leave(due), Trial);
        assert_eq!(breaker.leave(due), Stay { for_now: SECOND });
        assert_eq!(breaker.learn(Go, false, due), None, "from before");
        assert_eq!(breaker.leave(due + 9 * SECOND), Stay { for_now: SECOND });
        assert_eq!(breaker.learn(Trial, false, due), Some(Turn::Closed));
        assert_eq!(breaker.leave(due), Go);
        assert_eq!(breaker.learn(Go, true, due), None, "it counts anew");
    }

    #[test]
    fn each_trial_that_fails_doubles_the_time_up_to_the_longest() {
        let (mut breaker, mut now) = opened();
        for seconds in [1, 2, 4, 5, 5] {
            let wait = seconds * SECOND;
            assert_eq!(breaker.leave(now), Stay { for_now: wait });
            now += wait;
            assert_eq!(breaker.leave(now), Trial);
            assert_eq!(breaker.learn(Trial, true, now), None);
        }
        now += 5 * SECOND;
        assert_eq!(breaker.leave(now), Trial);
        assert_eq!(breaker.learn(Trial, false, now), Some(Turn::Closed));
        for _ in 0..3 {
            breaker.learn(Go, true, now);
        }
        assert_eq!(breaker.leave(now), Stay { for_now: SECOND }, "from anew");
    }

    #[test]
    fn a_trial_that_comes_to_nothing_is_made_again() {
        let (mut breaker, start) = opened();
        let due = start + SECOND;
        assert_eq!(breaker.leave(due), Trial);
        breaker.abandon(due);
        assert_eq!(breaker.leave(due), Trial);
        breaker.learn(Trial, false, due);
        breaker.abandon(due);
        assert_eq!(breaker.leave(due), Go, "what is closed stays so");
    }

    #[test]
    fn none_at_all() {
        let now = Instant::now();
        let config = BreakerConfig {
            failures: 0,
            ..BreakerConfig::default()
        };
        let mut breaker = Breaker::new(config, now);
        for _ in 0..1000 {
            assert_eq!(breaker.learn(Go, true, now), None);
        }
        assert_eq!(breaker.leave(now), Go);
    }

    proptest! {
        /// Whatever comes, an open one lets no two requests through at once, and one that is due
        /// always lets one through.
        #[test]
        fn no_more_than_trials(steps in prop::collection::vec((0_u64..3000, 0..4_u8), 0..200)) {
            let (mut breaker, mut now) = breaker();
            let mut trial = false;
            for (pause, step) in steps {
                now += Duration::from_millis(pause);
                let open = breaker.open_for(now);
                match breaker.leave(now) {
                    Go => {
                        prop_assert_eq!(open, None);
                        breaker.learn(Go, step > 0, now);
                    }
                    Trial => {
                        prop_assert!(!trial && open == Some(Duration::ZERO));
                        trial = true;
                    }
                    Stay { for_now } => {
                        prop_assert!(trial || !for_now.is_zero());
                        prop_assert!(for_now <= 5 * SECOND);
                    }
                }
                if trial && step < 3 {
                    trial = false;
                    match step {
                        0 => breaker.abandon(now),
                        _ => { breaker.learn(Trial, step == 1, now); }
                    }
                }
            }
        }
    }
}
