//! What a pool knows of its endpoints, and of the origin as a whole. No IO: time is passed in.

use std::time::Instant;

use perigee_health::{Change, Outcome, Tracker};

use super::PoolConfig;
use crate::{
    RetryBudget,
    balance::{self, Candidate, Choice},
    breaker::Breaker,
};

#[derive(Debug)]
pub(super) struct State {
    // One for each endpoint, in the same order.
    opinions: Vec<Opinion>,
    turn: usize,
    // Those of the last choice: room for the next one.
    candidates: Vec<Candidate>,
    pub(super) breaker: Breaker,
    pub(super) budget: RetryBudget,
}

#[derive(Clone, Copy, Debug)]
struct Opinion {
    tracker: Tracker,
    // When it may be tried again; means something only while it is down.
    retry_at: Option<Instant>,
}

impl State {
    pub(super) fn new(config: &PoolConfig, endpoints: usize, now: Instant) -> Self {
        let opinion = Opinion {
            tracker: Tracker::new(config.thresholds, true),
            retry_at: None,
        };
        State {
            opinions: vec![opinion; endpoints],
            turn: 0,
            candidates: Vec::with_capacity(endpoints),
            breaker: Breaker::new(config.breaker.clone(), now),
            budget: RetryBudget::new(config.retry_limit, now),
        }
    }

    pub(super) fn are_up(&self) -> impl Iterator<Item = bool> {
        self.opinions.iter().map(|opinion| opinion.tracker.is_up())
    }

    /// The next endpoint for a request that has failed at `tried`. One that is tried again after
    /// its time out is out for the same time again at once, so that only one request tries it.
    pub(super) fn choose(
        &mut self,
        config: &PoolConfig,
        in_flight: impl Iterator<Item = usize>,
        tried: &[usize],
        repeatable: bool,
        now: Instant,
    ) -> Option<usize> {
        let candidates =
            in_flight
                .zip(&self.opinions)
                .enumerate()
                .map(|(index, (in_flight, opinion))| Candidate {
                    in_flight,
                    down_until: opinion.down_until(now),
                    tried: tried.contains(&index),
                });
        self.candidates.clear();
        self.candidates.extend(candidates);
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        match balance::next(&self.candidates, repeatable, config.panic, turn, now)? {
            Choice::Use(index) => Some(index),
            Choice::Trial(index) => {
                self.opinions[index].retry_at = Some(now + config.retry_after);
                Some(index)
            }
        }
    }

    /// Learns from what came of a request at one endpoint.
    pub(super) fn note(&mut self, index: usize, outcome: Outcome) -> Option<Change> {
        self.opinions[index].tracker.observe(outcome)
    }

    /// An endpoint that went down is not asked for a while.
    pub(super) fn leave_alone(&mut self, config: &PoolConfig, index: usize, now: Instant) {
        self.opinions[index].retry_at = Some(now + config.retry_after);
    }
}

impl Opinion {
    fn down_until(&self, now: Instant) -> Option<Instant> {
        (!self.tracker.is_up()).then(|| self.retry_at.unwrap_or(now))
    }
}
