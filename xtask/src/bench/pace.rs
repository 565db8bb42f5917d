//! How long rows may take: none holds up the others.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use super::interrupt;

#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) rounds: usize,
    /// Of each turn.
    pub(super) seconds: u64,
    /// Of a row.
    limit: Duration,
    end: Cell<Instant>,
}

impl Pace {
    pub(super) fn new(rounds: usize, seconds: u64, limit: Duration) -> Pace {
        Pace {
            rounds,
            seconds,
            limit,
            end: Cell::new(Instant::now() + limit),
        }
    }

    /// Another row begins.
    pub(super) fn begin(&self) {
        self.end.set(Instant::now() + self.limit);
    }

    /// What the row has left.
    pub(super) fn left(&self) -> Duration {
        self.end.get().saturating_duration_since(Instant::now())
    }

    /// What one server may take of it, to be filled: the others are to have their turns.
    pub(super) fn share(&self) -> Duration {
        self.left().min(self.limit / 2)
    }

    /// Whether no further round is begun; says why.
    pub(super) fn is_over(&self) -> bool {
        let over = self.check();
        if let Err(why) = &over {
            super::say(&format!("  {why}"));
        }
        over.is_err()
    }

    /// Fails when the row has no time left, or nobody wants it any more.
    pub(super) fn check(&self) -> Result<(), String> {
        interrupt::check()?;
        match self.left().is_zero() {
            true => Err(format!("the row is over its {} s", self.limit.as_secs())),
            false => Ok(()),
        }
    }
}

/// Tries a turn once more if it fails: a machine may have had its mind elsewhere.
pub(super) fn twice<T>(mut turn: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    turn().or_else(|why| {
        interrupt::check()?;
        super::say(&format!("  once more, since {why}"));
        turn()
    })
}

/// In turns, each one begins a round.
pub(super) fn rotate<T>(concerned: &mut [T], round: usize) {
    if round > 0 && !concerned.is_empty() {
        concerned.rotate_left(1);
    }
}
