//! Whether the process drains, and how far it is: told by signals and the admin API, carried out by
//! the process, shown to the operator.

mod steps;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use steps::Drain;
pub(super) use steps::Step;
pub(crate) use steps::Terms;

/// What is asked of a node: body of `POST /drain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DrainOrder {
    /// It does not stop, and can be taken back.
    pub(crate) keep_running: bool,
    /// Take back what was ordered before.
    pub(crate) undo: bool,
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It does not drain.
    Serving,
    /// It has told the others, and serves on until all have noticed.
    Leaving,
    /// All have noticed, and it was told to go on running.
    Left,
    /// It lets nobody in any more, and finishes what is under way.
    Finishing,
}

/// What it says of that: the answer to `POST /drain`, and `drain` of `GET /status`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DrainStatus {
    pub(crate) phase: Phase,
    /// Whether it stops at the end.
    pub(crate) stops: bool,
    /// Seconds that the phase lasts yet, at most.
    pub(crate) remaining: Option<f64>,
    /// Seconds that it has been draining.
    pub(crate) seconds: f64,
    /// Seconds of `grace` and `deadline`.
    pub(crate) grace: f64,
    pub(crate) deadline: f64,
    /// Seconds since the process started.
    pub(crate) uptime: f64,
}

/// The state of one process, shared by its signals and its admin API.
#[derive(Debug)]
pub(crate) struct Draining {
    state: Mutex<State>,
    changed: Notify,
    started: Instant,
}

#[derive(Debug)]
struct State {
    drain: Drain,
    terms: Terms,
}

impl Draining {
    pub(crate) fn new(terms: Terms) -> Self {
        Draining {
            state: Mutex::new(State {
                drain: Drain::default(),
                terms,
            }),
            changed: Notify::new(),
            started: Instant::now(),
        }
    }

    /// Does what is ordered, or says why not.
    pub(crate) fn order(&self, order: DrainOrder) -> Result<DrainStatus, &'static str> {
        let now = Instant::now();
        let mut state = self.state();
        let terms = state.terms;
        state.drain.order(order, terms, now)?;
        self.changed.notify_one();
        Ok(state.status(self.started, now))
    }

    pub(crate) fn status(&self) -> DrainStatus {
        self.state().status(self.started, Instant::now())
    }

    /// Terms from a file that was taken up anew.
    pub(super) fn set_terms(&self, terms: Terms) {
        self.state().terms = terms;
        self.changed.notify_one();
    }

    pub(super) fn terms(&self) -> Terms {
        self.state().terms
    }

    /// What is to be done now, and when to ask again at the latest. Once it is to finish, that cannot
    /// be taken back.
    pub(super) fn step(&self) -> (Step, Option<Instant>) {
        let mut state = self.state();
        let terms = state.terms;
        state.drain.step(terms, Instant::now())
    }

    /// Waits for an order, or other terms.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Fields are replaced at once: a panic leaves them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn status(&self, started: Instant, now: Instant) -> DrainStatus {
        let Terms { grace, deadline } = self.terms;
        let (phase, since, until) = self.drain.phase(self.terms, now);
        let seconds = |time: Duration| time.as_secs_f64();
        DrainStatus {
            phase,
            stops: self.drain.stops(),
            remaining: until.map(|until| seconds(until.saturating_duration_since(now))),
            seconds: since.map_or(0.0, |since| seconds(now.saturating_duration_since(since))),
            grace: seconds(grace),
            deadline: seconds(deadline),
            uptime: seconds(now.saturating_duration_since(started)),
        }
    }
}
