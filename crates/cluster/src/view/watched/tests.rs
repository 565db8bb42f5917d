use perigee_health::Thresholds;

use super::*;
use crate::Role;

fn node() -> Node {
    Node {
        name: "fra-1".into(),
        role: Role::Edge,
        pop: None,
        address: ([127, 0, 0, 1], 8080).into(),
        weight: 100,
    }
}

fn ready(draining: bool) -> Readiness {
    Readiness {
        node: "fra-1".into(),
        draining,
        load: 0.5,
        config_version: "1".into(),
        purge_revision: 7,
        ..Readiness::default()
    }
}

const ROUND_TRIP: Duration = Duration::from_millis(8);

/// A node and a clock that goes on by a second with each thing that happens.
struct Case {
    watched: Watched,
    now: Duration,
}

impl Case {
    fn new() -> Self {
        let config = ViewConfig {
            thresholds: Thresholds { fall: 2, rise: 2 },
            flap_window: Duration::from_secs(60),
            ..ViewConfig::default()
        };
        Case {
            watched: Watched::new(node(), &config),
            now: Duration::ZERO,
        }
    }

    fn answers(&mut self, readiness: Readiness) -> Effect {
        self.answers_in(readiness, ROUND_TRIP)
    }

    fn answers_in(&mut self, readiness: Readiness, round_trip: Duration) -> Effect {
        self.now += Duration::from_secs(1);
        self.watched.answered(readiness, round_trip, self.now)
    }

    fn fails(&mut self) -> Effect {
        self.now += Duration::from_secs(1);
        let error = ProbeError::new(&node(), "connection refused");
        self.watched.failed(error, self.now)
    }

    fn health(&self) -> &NodeHealth {
        &self.watched.health
    }

    /// Answers until it is up again; how often.
    fn answers_until_up(&mut self) -> u32 {
        for times in 1..1000 {
            if self.answers(ready(false)).opinion == Some(Change::WentUp) {
                return times;
            }
        }
        panic!("never up");
    }
}

fn changed(opinion: Option<Change>) -> Effect {
    Effect {
        opinion,
        seen: Seen::State,
    }
}

const NOTHING: Effect = Effect {
    opinion: None,
    seen: Seen::Nothing,
};

#[test]
fn a_new_node_is_believed_up() {
    assert!(Case::new().health().is_usable());
}

#[test]
fn it_falls_and_rises_by_the_thresholds() {
    let mut case = Case::new();
    assert_eq!(case.answers(ready(false)), changed(None));
    assert_eq!(case.fails(), changed(None));
    assert!(case.health().is_usable());
    assert_eq!(case.fails(), changed(Some(Change::WentDown)));
    assert!(!case.health().is_usable());
    assert_eq!(
        case.health().error.as_deref(),
        Some("fra-1 at 127.0.0.1:8080: connection refused")
    );
    assert_eq!(case.answers(ready(false)), changed(None));
    assert!(!case.health().up);
    assert_eq!(case.answers(ready(false)), changed(Some(Change::WentUp)));
    assert_eq!(case.health().error, None);
}

#[test]
fn more_of_the_same_changes_nothing() {
    let mut case = Case::new();
    case.answers(ready(false));
    assert_eq!(case.answers(ready(false)), NOTHING);
    case.fails();
    case.fails();
    assert_eq!(case.fails(), NOTHING);
}

#[test]
fn figures_alone_are_no_change_of_state() {
    let mut case = Case::new();
    case.answers(ready(false));
    let later = Readiness {
        uptime: 5.0,
        load: 0.75,
        ..ready(false)
    };
    let effect = case.answers_in(later, 2 * ROUND_TRIP);
    assert_eq!(effect.seen, Seen::Figures);
    let readiness = case.health().readiness.as_ref();
    assert_eq!(readiness.map(|r| (r.uptime, r.load)), Some((5.0, 0.75)));
    let purged = Readiness {
        purge_revision: 8,
        ..ready(false)
    };
    assert_eq!(case.answers(purged).seen, Seen::State);
}

#[test]
fn a_draining_node_is_up_but_not_usable() {
    let mut case = Case::new();
    assert_eq!(case.answers(ready(true)), changed(None));
    assert!(case.health().up && !case.health().is_usable());
    case.fails();
    case.fails();
    assert_eq!(case.health().readiness, Some(ready(true)));
    case.answers(ready(false));
    case.answers(ready(false));
    assert!(case.health().is_usable());
}

#[test]
fn latency_is_a_moving_mean_that_outlives_the_node() {
    let mut case = Case::new();
    assert_eq!(case.health().latency, None);
    case.answers_in(ready(false), Duration::from_millis(40));
    assert_eq!(case.health().latency, Some(Duration::from_millis(40)));
    case.answers_in(ready(false), Duration::from_millis(80));
    assert_eq!(case.health().latency, Some(Duration::from_millis(50)));
    case.fails();
    case.fails();
    assert_eq!(case.health().latency, Some(Duration::from_millis(50)));
    for _ in 0..40 {
        case.answers_in(ready(false), Duration::from_millis(80));
    }
    let latency = case.health().latency.unwrap();
    assert!(latency.abs_diff(Duration::from_millis(80)) < Duration::from_micros(10));
}

#[test]
fn who_flaps_must_answer_longer_each_time() {
    let mut case = Case::new();
    let mut needed = Vec::new();
    for _ in 0..8 {
        case.fails();
        case.fails();
        needed.push(case.answers_until_up());
    }
    assert_eq!(needed, [2, 4, 8, 16, 32, 64, 64, 64]);
    for _ in 0..60 {
        case.answers(ready(false));
    }
    case.fails();
    case.fails();
    assert_eq!(case.answers_until_up(), 2, "it stayed up for a minute");
}

#[test]
fn it_is_there_since_its_start_or_its_return() {
    let mut case = Case::new();
    assert_eq!(case.watched.since, None, "nothing is known yet");
    let up_for = |uptime| Readiness {
        uptime,
        ..ready(false)
    };
    case.answers(up_for(100.0));
    assert_eq!(case.watched.since, Some(-99.0), "before it was watched");
    case.answers(up_for(101.0));
    assert_eq!(case.watched.since, Some(-99.0));
    case.answers(up_for(0.5));
    assert_eq!(
        case.watched.since,
        Some(2.5),
        "restarted between two probes"
    );
    case.fails();
    case.fails();
    case.answers(up_for(1000.0));
    case.answers(up_for(1001.0));
    assert_eq!(case.watched.since, Some(7.0), "it had been away");
}

#[test]
fn name_address_and_role_make_a_node() {
    let watched = Case::new().watched;
    let address = ([127, 0, 0, 1], 8081).into();
    assert!(watched.is_same(&Node {
        weight: 50,
        pop: Some("fra".into()),
        ..node()
    }));
    assert!(!watched.is_same(&Node {
        name: "fra-2".into(),
        ..node()
    }));
    assert!(!watched.is_same(&Node { address, ..node() }));
    assert!(!watched.is_same(&Node {
        role: Role::Shield,
        ..node()
    }));
}
