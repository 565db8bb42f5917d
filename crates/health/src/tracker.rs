//! Counting successes and failures of one target.

/// How many results in a row change an opinion.
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

/// The opinion about one target.
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

    /// Takes a result in; says so if it changed the opinion.
    pub fn observe(&mut self, outcome: Outcome) -> Option<Change> {
        let speaks_for_up = outcome == Outcome::Success;
        if speaks_for_up == self.up {
            self.against = 0;
            return None;
        }
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
