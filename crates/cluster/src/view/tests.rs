use std::{net::SocketAddr, slice::from_ref, sync::atomic::Ordering::Relaxed};

use super::*;
use crate::{
    Role,
    test_node::{Nobody, TestNode, Then, node, prober, raw, ready},
};

/// Until a test gives up.
const DEADLINE: Duration = Duration::from_secs(20);

/// Quick probes, with time for a busy machine to answer.
fn quick() -> ViewConfig {
    ViewConfig {
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(2),
        panic: PanicShare(0.5),
        ..ViewConfig::default()
    }
}

/// Without probes while a test runs.
fn silent() -> ViewConfig {
    ViewConfig {
        interval: Duration::from_secs(1_000_000),
        ..quick()
    }
}

fn view(nodes: &[Node], config: ViewConfig) -> Arc<View> {
    View::start(nodes.to_vec(), prober(Duration::ZERO), config)
}

/// Waits until what is known is so.
async fn until(view: &View, what: &str, so: impl Fn(&[NodeHealth]) -> bool) {
    let mut changes = view.subscribe();
    let wait = async {
        while !so(&view.nodes()) {
            changes.changed().await.unwrap();
        }
    };
    let done = tokio::time::timeout(DEADLINE, wait).await;
    assert!(done.is_ok(), "never {what}: {view:?}");
}

/// Nodes at addresses of which none matters.
fn unprobed(names: &[&str]) -> Vec<Node> {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    (1..)
        .zip(names)
        .map(|(port, name)| node(name, at(port)))
        .collect()
}

fn take_down(view: &View, name: &str) {
    view.report_failure(&name.into());
    view.report_failure(&name.into());
}

#[tokio::test]
async fn a_node_falls_comes_back_and_drains() {
    let server = TestNode::start("fra-1").await;
    let node = node("fra-1", server.address);
    let view = view(from_ref(&node), quick());
    assert!(
        view.is_usable(&node.name),
        "believed up before the first probe"
    );
    until(&view, "ready", |nodes| {
        nodes[0].readiness == Some(ready("fra-1"))
    })
    .await;

    server.kill().await;
    until(&view, "down", |nodes| !nodes[0].up).await;
    assert!(!view.is_usable(&node.name));
    until(&view, "refused", |nodes| {
        let refused = format!("fra-1 at {}: connection refused", node.address);
        nodes[0].error.as_ref() == Some(&refused)
    })
    .await;

    let server = TestNode::start_at("fra-1", node.address).await;
    until(&view, "up again", |nodes| nodes[0].up).await;
    assert!(view.is_usable(&node.name));
    assert_eq!(view.nodes()[0].error, None);

    server.set_draining(true);
    until(&view, "draining", |nodes| nodes[0].is_draining()).await;
    assert!(view.nodes()[0].up && !view.is_usable(&node.name));
    server.set_draining(false);
    until(&view, "usable", |nodes| nodes[0].is_usable()).await;
}

#[tokio::test]
async fn each_kind_of_fault_is_told() {
    let nobody = Nobody::new();
    let impostor = TestNode::start("ams-1").await;
    let healthy = TestNode::start("well").await;
    let long = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b' '; 20_000]].concat();
    let faults = [
        ("nobody", nobody.address(), "connection refused"),
        ("hangs", raw(b"", Then::Hangs).await, "no answer in 500ms"),
        ("another", impostor.address, "another node"),
        ("garbage", raw(b"garbage\r\n", Then::Closes).await, ""),
        ("long", raw(&long, Then::Closes).await, "longer than 16384"),
    ];
    let mut nodes: Vec<_> = faults.iter().map(|(name, at, _)| node(name, *at)).collect();
    nodes.push(node("well", healthy.address));
    let config = ViewConfig {
        timeout: Duration::from_millis(500),
        ..quick()
    };
    let view = view(&nodes, config);
    until(&view, "all down but one", |nodes| {
        nodes.iter().filter(|health| health.up).count() == 1
    })
    .await;
    let known = view.nodes();
    for (health, (name, _, words)) in known.iter().zip(faults) {
        let error = health.error.as_deref().unwrap_or_default();
        assert!(error.starts_with(name) && error.contains(words), "{error}");
    }
    assert!(view.is_usable(&"well".into()));
}

#[tokio::test]
async fn requests_that_fail_speak_before_probes() {
    let nodes = unprobed(&["a", "b"]);
    let view = view(&nodes, silent());
    let mut changes = view.subscribe();
    view.report_failure(&"a".into());
    assert!(view.is_usable(&"a".into()), "once is no habit");
    view.report_failure(&"a".into());
    assert!(!view.is_usable(&"a".into()));
    assert!(view.is_usable(&"b".into()));
    assert!(changes.has_changed().unwrap());
    assert_eq!(
        view.nodes()[0].error.as_deref(),
        Some("a at 127.0.0.1:1: a request to it failed")
    );
    changes.mark_unchanged();
    view.report_failure(&"a".into());
    view.report_failure(&"nobody".into());
    assert!(!changes.has_changed().unwrap(), "nothing is new");
}

#[tokio::test]
async fn unknown_names_are_not_usable() {
    let view = view(&unprobed(&["a"]), silent());
    assert!(!view.is_usable(&"b".into()));
    assert!(!view.may_use(&"b".into()));
    view.set_nodes(Vec::new());
    assert!(!view.is_usable(&"a".into()));
    assert!(view.is_believed(&"a".into()) && view.nodes().is_empty());
}

#[tokio::test]
async fn unchanged_nodes_keep_their_history() {
    let nodes = unprobed(&["a", "b", "c", "d"]);
    let view = view(&nodes, silent());
    for name in ["a", "b", "c", "d"] {
        take_down(&view, name);
    }
    let [a, b, c, _] = &nodes[..] else {
        unreachable!()
    };
    let next = [
        Node {
            role: Role::Shield,
            ..c.clone()
        },
        Node {
            weight: 50,
            ..a.clone()
        },
        Node {
            address: ([127, 0, 0, 1], 99).into(),
            ..b.clone()
        },
        node("e", ([127, 0, 0, 1], 5).into()),
    ];
    view.set_nodes(next.to_vec());
    let known = view.nodes();
    assert!(known.iter().map(|health| &health.node).eq(&next));
    let up: Vec<_> = known.iter().map(|health| health.up).collect();
    assert_eq!(up, [true, false, true, true]);
}

#[tokio::test]
async fn the_same_nodes_are_no_change() {
    let nodes = unprobed(&["a", "b"]);
    let view = view(&nodes, silent());
    take_down(&view, "a");
    let (changes, known) = (view.subscribe(), view.nodes());
    view.set_nodes(nodes);
    assert!(!changes.has_changed().unwrap());
    assert!(Arc::ptr_eq(&known, &view.nodes()));
}

#[tokio::test]
async fn a_new_node_is_probed_and_one_that_left_is_not() {
    let first = TestNode::start("a").await;
    let second = TestNode::start("b").await;
    let view = view(&[node("a", first.address)], quick());
    until(&view, "ready", |nodes| nodes[0].readiness.is_some()).await;
    view.set_nodes(vec![node("b", second.address)]);
    until(&view, "ready", |nodes| {
        nodes[0].readiness == Some(ready("b"))
    })
    .await;
    assert_eq!(view.nodes().len(), 1);
}

#[tokio::test]
async fn of_two_nodes_with_one_name_the_first_counts() {
    let mut nodes = unprobed(&["a", "b", "a"]);
    let view = view(&nodes, silent());
    nodes.pop();
    assert!(view.nodes().iter().map(|health| &health.node).eq(&nodes));
}

#[tokio::test]
async fn when_too_many_look_dead_health_is_disregarded() {
    let view = view(&unprobed(&["a", "b", "c", "d"]), silent());
    take_down(&view, "a");
    take_down(&view, "b");
    assert!(view.is_believed(&"c".into()));
    assert!(!view.may_use(&"a".into()) && view.may_use(&"c".into()));
    take_down(&view, "c");
    assert!(!view.is_believed(&"d".into()));
    for name in ["a", "b", "c", "d"] {
        assert!(view.may_use(&name.into()), "{name}");
    }
    assert!(!view.is_usable(&"a".into()), "it still looks dead");
    assert!(view.may_try(&"a".into()));
    take_down(&view, "d");
    assert!(!view.may_try(&"a".into()), "there is a way without them");
    assert!(view.may_use(&"a".into()), "there is not");
}

#[tokio::test(start_paused = true)]
async fn who_is_down_is_lost_at_once_and_who_is_tried_all_the_same_after_a_probes_time() {
    let view = view(&unprobed(&["a", "b", "c", "d"]), silent());
    let patience = silent().timeout;
    let lost_after = async |name: &str| {
        let begin = tokio::time::Instant::now();
        let lost = tokio::time::timeout(DEADLINE, view.until_lost(&name.into())).await;
        lost.ok().map(|()| begin.elapsed())
    };
    assert_eq!(lost_after("a").await, None, "it is up");
    assert_eq!(lost_after("nobody").await, None);
    take_down(&view, "a");
    assert_eq!(lost_after("a").await, Some(Duration::ZERO));
    take_down(&view, "b");
    take_down(&view, "c");
    let tried = lost_after("a").await.unwrap();
    assert!((patience..2 * patience).contains(&tried), "{tried:?}");
    take_down(&view, "d");
    assert_eq!(
        lost_after("a").await,
        Some(Duration::ZERO),
        "nobody is tried"
    );
}

#[tokio::test]
async fn a_node_that_drains_is_not_used_even_then() {
    let nobody = Nobody::new();
    let server = TestNode::start("a").await;
    server.set_draining(true);
    let view = view(
        &[node("a", server.address), node("b", nobody.address())],
        ViewConfig {
            panic: PanicShare(1.0),
            ..quick()
        },
    );
    until(&view, "half down", |nodes| {
        nodes[0].is_draining() && !nodes[1].up
    })
    .await;
    assert!(!view.is_believed(&"a".into()));
    assert!(!view.may_use(&"a".into()) && view.may_use(&"b".into()));
}

#[tokio::test]
async fn probes_end_with_the_view() {
    let server = TestNode::start("a").await;
    let hangs = raw(b"", Then::Hangs).await;
    let config = ViewConfig {
        timeout: 10 * DEADLINE,
        ..quick()
    };
    let view = view(&[node("a", server.address), node("b", hangs)], config);
    until(&view, "ready", |nodes| nodes[0].readiness.is_some()).await;
    let mut changes = view.subscribe();
    drop(view);
    // The last task to end closes the channel.
    let ended = async { while changes.changed().await.is_ok() {} };
    assert!(tokio::time::timeout(DEADLINE, ended).await.is_ok());
}

/// Only what is suspected is probed, with little patience.
fn suspicious() -> ViewConfig {
    ViewConfig {
        suspect_timeout: Duration::from_millis(50),
        ..silent()
    }
}

#[tokio::test]
async fn a_frozen_node_that_is_suspected_is_soon_known_to_be_down() {
    let server = TestNode::start("a").await;
    server.freeze();
    let view = view(&[node("a", server.address)], suspicious());
    for _ in 0..100 {
        view.suspect(&"a".into());
    }
    until(&view, "down", |nodes| !nodes[0].up).await;
    let known = view.nodes();
    let error = known[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("no answer in 50ms"), "{error}");
    let probes = server.connections.load(Relaxed);
    assert!(
        probes <= 2,
        "one at a time, and no more than it needs to fall"
    );
    view.suspect(&"a".into());
    view.suspect(&"nobody".into());
}

#[tokio::test]
async fn a_node_that_answers_is_suspected_no_longer() {
    let server = TestNode::start("a").await;
    let config = ViewConfig {
        suspect_timeout: DEADLINE,
        ..silent()
    };
    let view = view(&[node("a", server.address)], config);
    view.report_failure(&"a".into());
    view.suspect(&"a".into());
    until(&view, "ready", |nodes| nodes[0].readiness.is_some()).await;
    view.report_failure(&"a".into());
    assert!(view.is_usable(&"a".into()), "the answer counts");
}

/// What was suspected once can be suspected again.
#[tokio::test]
async fn one_that_answered_and_froze_then_falls() {
    let server = TestNode::start("a").await;
    let view = view(&[node("a", server.address)], quick_suspicion());
    view.suspect(&"a".into());
    until(&view, "ready", |nodes| nodes[0].readiness.is_some()).await;
    server.freeze();
    let falls = until(&view, "down", |nodes| !nodes[0].up);
    let suspects = async {
        loop {
            view.suspect(&"a".into());
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = falls => {}
        () = suspects => {}
    }
}

/// With patience enough for a busy machine to answer the first time.
fn quick_suspicion() -> ViewConfig {
    ViewConfig {
        suspect_timeout: Duration::from_millis(500),
        ..silent()
    }
}

#[tokio::test]
async fn how_far_a_node_is_away_is_measured() {
    let server = TestNode::start("a").await;
    let view = view(&[node("a", server.address)], quick());
    until(&view, "ready", |nodes| nodes[0].readiness.is_some()).await;
    let latency = view.nodes()[0].latency;
    assert!(latency.is_some_and(|latency| latency < DEADLINE));
    server.kill().await;
    until(&view, "down", |nodes| !nodes[0].up).await;
    assert!(view.nodes()[0].latency.is_some());
}

#[tokio::test]
async fn a_node_that_started_among_old_ones_is_given_its_keys_little_by_little() {
    let (old, new) = (TestNode::start("old").await, TestNode::start("new").await);
    let day = 86_400.0;
    old.readiness.lock().unwrap().uptime = 100.0 * day;
    let config = ViewConfig {
        slow_start: Duration::from_secs_f64(day),
        ..quick()
    };
    let nodes = [node("old", old.address), node("new", new.address)];
    let view = view(&nodes, config);
    until(&view, "ready", |nodes| {
        nodes.iter().all(|node| node.readiness.is_some())
    })
    .await;
    let share = view.share(&"new".into());
    assert!((0.1..0.11).contains(&share), "{share}");
    assert_eq!(view.share(&"old".into()), 1.0);
    assert_eq!(view.share(&"nobody".into()), 1.0);
}

#[tokio::test]
async fn the_node_that_watches_is_of_its_group_and_is_not_probed() {
    let own = TestNode::start("geo-1").await;
    let others = unprobed(&["a"]);
    let nodes = [node("geo-1", own.address), others[0].clone()];
    let view = view(&nodes, silent());
    take_down(&view, "a");
    assert_eq!(view.nodes().len(), 1);
    assert!(view.is_believed(&"a".into()), "one of two is up: itself");
    assert_eq!(own.connections.load(Relaxed), 0);
    view.set_nodes(others);
    assert!(!view.is_believed(&"a".into()), "it left the group");
}
