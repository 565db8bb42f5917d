//! A request that the breaker of an origin has let through: what comes of it is told, come what
//! may.

use std::time::Instant;

use perigee_health::Outcome;

use super::Pool;
use crate::{
    Came, SendError, SendErrorKind,
    breaker::{Leave, Turn},
};

/// Leave to ask the origin, once. Dropped before anything came, it leaves the next request to try.
pub(super) struct Visit<'a> {
    pool: &'a Pool,
    leave: Leave,
    told: bool,
}

impl<'a> Visit<'a> {
    /// Counts the request for the budget of retries, too.
    pub(super) fn begin(pool: &'a Pool, now: Instant) -> Result<Self, SendError> {
        let mut state = pool.state();
        let leave = state.breaker.leave(now);
        if let Leave::Stay { for_now } = leave {
            drop(state);
            return Err(SendError {
                kind: SendErrorKind::LeftAlone {
                    retry_after: for_now,
                },
                detail: format!("{}: left alone, since it failed", pool.names()),
            });
        }
        state.budget.request(now);
        drop(state);
        let told = false;
        Ok(Visit { pool, leave, told })
    }

    /// Whether it is there to see if the origin is well again.
    pub(super) fn is_trial(&self) -> bool {
        self.leave == Leave::Trial
    }

    /// Tells what came of it.
    pub(super) fn end(mut self, sent: &Result<Came, SendError>, now: Instant) {
        let Some(outcome) = self.pool.outcome(sent) else {
            return;
        };
        self.told = true;
        let failed = outcome == Outcome::Failure;
        let turn = self.pool.state().breaker.learn(self.leave, failed, now);
        let origin = || self.pool.names();
        match turn {
            Some(Turn::Opened) => {
                tracing::warn!(
                    origin = origin(),
                    "origin fails: it is left alone for a while"
                );
            }
            Some(Turn::Closed) => tracing::info!(origin = origin(), "origin is asked again"),
            None => {}
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if !self.told && self.is_trial() {
            self.pool.state().breaker.abandon(Instant::now());
        }
    }
}
