use perigee_health::{PanicShare, Thresholds};

use super::*;
use crate::{ProbeError, Readiness, Role};

fn config() -> ViewConfig {
    ViewConfig {
        thresholds: Thresholds { fall: 1, rise: 1 },
        panic: PanicShare(0.5),
        slow_start: Duration::from_secs(30),
        ..ViewConfig::default()
    }
}

fn node(role: Role, name: &str, pop: Option<&str>) -> Node {
    Node {
        name: name.into(),
        role,
        pop: pop.map(Into::into),
        address: ([127, 0, 0, 1], 1).into(),
        weight: 100,
    }
}

fn down(node: Node) -> Watched {
    let error = ProbeError::new(&node, "refused");
    let mut watched = Watched::new(node, &config());
    watched.failed(error, Duration::ZERO);
    watched
}

fn up(node: Node) -> Watched {
    Watched::new(node, &config())
}

/// An edge that is there since so many seconds after the view began.
fn since(name: &str, since: f64) -> Watched {
    let now = since.max(0.0);
    let mut watched = up(node(Role::Edge, name, None));
    let readiness = Readiness {
        node: name.into(),
        uptime: now - since,
        ..Readiness::default()
    };
    watched.answered(readiness, Duration::ZERO, Duration::from_secs_f64(now));
    watched
}

/// An edge that fell and came back at this second, though its process is old.
fn back_since(name: &str, second: f64) -> Watched {
    let mut watched = since(name, -1e6);
    let error = ProbeError::new(&watched.health.node, "refused");
    let now = Duration::from_secs_f64(second);
    watched.failed(error, now);
    let readiness = watched.health.readiness.clone().unwrap();
    watched.answered(readiness, Duration::ZERO, now);
    watched
}

fn known(watched: &[Watched], own: Option<&Node>, now: u64) -> Known {
    Known::new(watched.iter(), own, &config(), Duration::from_secs(now))
}

/// The share of each, in the order given, and the node's own at the end.
fn shares(watched: &[Watched], own: Option<&Node>, now: u64) -> Vec<f64> {
    let known = known(watched, own, now);
    let nodes = watched.iter().map(|watched| &watched.health.node);
    let at = || Duration::from_secs(now);
    nodes
        .chain(own)
        .map(|node| known.share(&node.name, &config(), at))
        .collect()
}

#[test]
fn each_group_is_believed_for_itself() {
    let edge = |name, pop| node(Role::Edge, name, Some(pop));
    let shield = |name, pop| node(Role::Shield, name, pop);
    let watched = [
        down(edge("a-1", "a")),
        down(edge("a-2", "a")),
        up(edge("a-3", "a")),
        down(edge("b-1", "b")),
        up(edge("b-2", "b")),
        down(shield("s-1", Some("a"))),
        down(shield("s-2", Some("a"))),
        up(shield("s-3", None)),
        up(shield("s-4", None)),
    ];
    let known = known(&watched, None, 0);
    let believed = watched.map(|w| known.is_believed(&w.health.node));
    let (a, b, shields) = (&believed[..3], &believed[3..5], &believed[5..]);
    assert_eq!(a, [false; 3], "one of three");
    assert_eq!(b, [true; 2], "one of two");
    assert_eq!(shields, [true; 4], "all shields are one group");
}

#[test]
fn the_one_who_watches_counts_in_its_own_group() {
    let watched = [down(node(Role::Edge, "a-1", Some("a")))];
    let (a, b) = (
        node(Role::Edge, "me", Some("a")),
        node(Role::Edge, "me", Some("b")),
    );
    let believed = |own| known(&watched, own, 0).is_believed(&watched[0].health.node);
    assert!(!believed(None));
    assert!(believed(Some(&a)));
    assert!(!believed(Some(&b)));
}

#[test]
fn who_starts_among_settled_ones_is_slowed_and_no_one_else() {
    let three = [since("a", -100.0), since("b", -100.0), since("c", 5.0)];
    let of = |now| shares(&three, None, now);
    assert_eq!(of(5), [1.0, 1.0, 0.1]);
    assert!((of(20)[2] - 0.55).abs() < 1e-9);
    assert_eq!(of(35), [1.0, 1.0, 1.0]);
}

#[test]
fn who_was_away_is_slowed_though_its_process_is_old() {
    let two = [since("a", -100.0), back_since("b", 10.0)];
    assert_eq!(shares(&two, None, 10), [1.0, 0.1]);
}

#[test]
fn a_group_that_starts_together_is_not_slowed() {
    let three = [since("a", -3.0), since("b", 0.0), since("c", 8.0)];
    for now in [8, 20, 29, 31, 60] {
        assert_eq!(shares(&three, None, now), [1.0; 3], "at {now}");
    }
}

/// Whoever watches and loses sight of all for a moment does not take all their keys when they are
/// there again.
#[test]
fn when_most_come_back_together_nobody_is_slowed() {
    let back = ["b", "c", "d"].map(|name| back_since(name, 50.0));
    let own = node(Role::Edge, "a", None);
    assert_eq!(shares(&back, Some(&own), 50), [1.0; 4]);
    let one = [
        back_since("b", 50.0),
        since("c", -100.0),
        since("d", -100.0),
    ];
    assert_eq!(shares(&one, Some(&own), 50), [0.1, 1.0, 1.0, 1.0]);
}

#[test]
fn of_two_the_one_who_watches_may_be_the_settled_one_or_the_newcomer() {
    let own = node(Role::Edge, "a", None);
    let returned = [back_since("b", 50.0)];
    assert_eq!(shares(&returned, Some(&own), 50), [0.1, 1.0]);
    let other_pop = node(Role::Edge, "a", Some("elsewhere"));
    assert_eq!(shares(&returned, Some(&other_pop), 50), [1.0, 1.0]);
    let settled = [since("b", -100.0)];
    assert_eq!(shares(&settled, Some(&own), 0), [1.0, 0.1]);
}

#[test]
fn who_is_down_or_unknown_has_settled_nothing() {
    let mut gone = since("a", -100.0);
    let error = ProbeError::new(&gone.health.node, "refused");
    gone.failed(error, Duration::from_secs(4));
    let unknown = up(node(Role::Edge, "b", None));
    assert_eq!(shares(&[gone, unknown, since("c", 5.0)], None, 5), [1.0; 3]);
}
