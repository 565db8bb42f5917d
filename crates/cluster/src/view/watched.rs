//! What is known of one node, and how it changes. Pure: no IO, no clock.

use std::time::Duration;

use perigee_health::{Change, Damping, Outcome, Tracker};

use super::ViewConfig;
use crate::{Node, NodeHealth, ProbeError, Readiness};

/// How much a new round trip counts beside all earlier ones.
const NEW_ROUND_TRIP: f64 = 0.25;

/// A node that is probed: the opinion of it, and what led there. Times are since the view began.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watched {
    pub(super) health: NodeHealth,
    /// Since when it is there, as far as is known: its process, or its last return. In seconds;
    /// negative for what was before the view.
    pub(super) since: Option<f64>,
    tracker: Tracker,
    damping: Damping,
    /// Successes in a row that bring it back if it does not flap.
    rise: u32,
    /// When it last came back.
    rose: Option<Duration>,
}

/// What an observation changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    /// Whether it is now up where it was down, or the other way round.
    pub(super) opinion: Option<Change>,
    /// Whether anything that others see is different.
    pub(super) seen: Seen,
}

/// What others see of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    Nothing,
    /// Figures that always move: latency, load, the time it is up.
    Figures,
    /// What may change a decision.
    State,
}

impl Watched {
    /// A node that nothing is known of yet is believed up.
    pub(super) fn new(node: Node, config: &ViewConfig) -> Self {
        let tracker = Tracker::new(config.thresholds, true);
        Watched {
            health: NodeHealth {
                node,
                up: tracker.is_up(),
                readiness: None,
                error: None,
                latency: None,
            },
            since: None,
            tracker,
            damping: Damping::new(config.flap_window),
            rise: config.thresholds.rise,
            rose: None,
        }
    }

    /// Whether what is known of this node is true of `node` too.
    pub(super) fn is_same(&self, node: &Node) -> bool {
        let known = &self.health.node;
        (&known.name, known.role, known.address) == (&node.name, node.role, node.address)
    }

    /// Takes in a probe's answer, and how long it took.
    pub(super) fn answered(
        &mut self,
        readiness: Readiness,
        round_trip: Duration,
        now: Duration,
    ) -> Effect {
        let opinion = self.judge(Outcome::Success, now);
        let started = now.as_secs_f64() - readiness.uptime;
        let rose = self.rose.map_or(started, |rose| rose.as_secs_f64());
        self.since = Some(started.max(rose));
        let latency = match self.health.latency {
            None => round_trip,
            Some(mean) => mean.mul_f64(1.0 - NEW_ROUND_TRIP) + round_trip.mul_f64(NEW_ROUND_TRIP),
        };
        self.show(
            opinion,
            NodeHealth {
                node: self.health.node.clone(),
                up: self.tracker.is_up(),
                readiness: Some(readiness),
                error: None,
                latency: Some(latency),
            },
        )
    }

    /// Takes in why a probe or a request failed. The last readiness is kept: a node that drained
    /// and then fell silent is still one that drained.
    pub(super) fn failed(&mut self, error: ProbeError, now: Duration) -> Effect {
        let opinion = self.judge(Outcome::Failure, now);
        let known = NodeHealth {
            up: self.tracker.is_up(),
            error: Some(error.0),
            ..self.health.clone()
        };
        self.show(opinion, known)
    }

    fn judge(&mut self, outcome: Outcome, now: Duration) -> Option<Change> {
        let opinion = self.tracker.observe(outcome);
        match opinion {
            Some(Change::WentUp) => {
                self.damping.rose(now);
                self.rose = Some(now);
            }
            Some(Change::WentDown) => {
                self.damping.fell(now);
                let rise = self.rise.max(1).saturating_mul(self.damping.factor());
                self.tracker.set_rise(rise);
            }
            None => {}
        }
        opinion
    }

    fn show(&mut self, opinion: Option<Change>, known: NodeHealth) -> Effect {
        let seen = if known == self.health {
            Seen::Nothing
        } else if without_figures(&known) == without_figures(&self.health) {
            Seen::Figures
        } else {
            Seen::State
        };
        self.health = known;
        Effect { opinion, seen }
    }
}

fn without_figures(health: &NodeHealth) -> NodeHealth {
    let mut health = health.clone();
    health.latency = None;
    if let Some(readiness) = &mut health.readiness {
        readiness.load = 0.0;
        readiness.uptime = 0.0;
    }
    health
}

#[cfg(test)]
mod tests;
