//! Membership by a real etcd; skipped where none is installed.

use rustix::process::Signal;

use super::{record::tests::registration, *};
use crate::test_etcd::EtcdServer;

/// Until a test gives up.
const DEADLINE: Duration = Duration::from_secs(60);

fn config(server: &EtcdServer) -> MembershipConfig {
    let urls = server.urls();
    MembershipConfig {
        etcd: EtcdConfig {
            endpoints: urls.iter().map(|url| url.parse().expect("a URL")).collect(),
            user: None,
            ca: None,
            timeout: Duration::from_secs(2),
        },
        prefix: "/perigee/test/".to_owned(),
        lease: Duration::from_secs(2),
        keep_missing: Duration::from_secs(3_600),
        resync: Duration::from_secs(3_600),
        start_wait: Duration::from_secs(5),
        last_view: None,
    }
}

/// A node that is registered; the port tells nodes of one name apart.
async fn node(config: &MembershipConfig, name: &str, port: u16) -> Membership {
    let opened = Membership::open(config.clone(), name.into(), Vec::new()).await;
    let membership = opened.expect("opens");
    membership.register(registration(name, port));
    membership
}

async fn nodes<const N: usize>(config: &MembershipConfig, names: [&str; N]) -> Vec<Membership> {
    let mut nodes = Vec::new();
    for (port, name) in (1..).zip(names) {
        nodes.push(node(config, name, port).await);
    }
    for node in &nodes {
        until(node, "all are there", |m| known(m).len() == N).await;
    }
    nodes
}

fn known(members: &Members) -> Vec<&str> {
    let nodes = members.nodes.iter();
    nodes.map(|node| node.member.node.name.as_str()).collect()
}

async fn until(node: &Membership, what: &str, so: impl Fn(&Members) -> bool) {
    let mut changes = node.subscribe();
    let wait = async {
        while !so(&changes.borrow_and_update()) {
            changes.changed().await.expect("goes on");
        }
    };
    let done = tokio::time::timeout(DEADLINE, wait).await;
    assert!(done.is_ok(), "never: {what}: {:?}", node.members());
}

async fn until_registered(config: &MembershipConfig, names: &[&str]) {
    let etcd = Etcd::new(config.etcd.clone()).expect("a client");
    let wait = async {
        while look(&etcd, config).await.ok().as_ref().map(known) != Some(names.to_vec()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::time::timeout(DEADLINE, wait).await;
    assert!(done.is_ok(), "never registered: {names:?}");
}

#[tokio::test]
async fn who_dies_is_forgotten_with_its_lease_and_who_leaves_at_once() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let mut nodes = nodes(&config, ["a", "b", "c", "d"]).await;
    // As a process that is killed: nothing is said.
    drop(nodes.pop());
    until(&nodes[0], "d is forgotten", |m| known(m) == ["a", "b", "c"]).await;
    let last = nodes.pop().expect("c");
    last.tell(|said| said.news.draining = true);
    until(&nodes[0], "c drains", |m| m.nodes[2].news.draining).await;
    last.leave().await;
    until(&nodes[0], "c is gone", |m| known(m) == ["a", "b"]).await;
    assert_eq!(nodes[0].members().missing, []);
}

#[tokio::test]
async fn a_lease_that_is_revoked_is_replaced() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let nodes = nodes(&config, ["a", "b"]).await;
    let lease = nodes[0].shared.lease();
    nodes[1].etcd().revoke(lease).await.expect("revokes");
    let wait = async {
        while [0, lease].contains(&nodes[0].shared.lease()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let done = tokio::time::timeout(DEADLINE, wait).await;
    assert!(done.is_ok(), "registers again");
    until_registered(&config, &["a", "b"]).await;
    until(&nodes[1], "a is back", |m| m.missing.is_empty()).await;
    assert_eq!(known(&nodes[1].members()), ["a", "b"]);
}

#[tokio::test]
async fn an_etcd_that_dies_empties_nothing_even_if_it_comes_back_with_nothing() {
    let Some(mut server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let nodes = nodes(&config, ["a", "b", "c"]).await;
    server.kill(0);
    for node in &nodes {
        until(node, "it is away", |m| m.trouble.is_some()).await;
        assert_eq!(known(&node.members()), ["a", "b", "c"]);
    }
    server.restart(0);
    for node in &nodes {
        until(node, "it is back", |m| m.trouble.is_none()).await;
        assert_eq!(known(&node.members()), ["a", "b", "c"]);
    }
    server.kill(0);
    let mut told = nodes[0].subscribe();
    server.restart_empty(0);
    until_registered(&config, &["a", "b", "c"]).await;
    until(&nodes[0], "all are back", |m| {
        m.trouble.is_none() && m.missing.is_empty()
    })
    .await;
    assert_eq!(known(&told.borrow_and_update()), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_frozen_etcd_is_noticed_and_waited_for() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = MembershipConfig {
        last_view: None,
        ..config(&server)
    };
    let nodes = nodes(&config, ["a", "b", "c"]).await;
    server.signal(0, Signal::STOP);
    until(&nodes[0], "it is away", |m| m.trouble.is_some()).await;
    assert_eq!(known(&nodes[0].members()), ["a", "b", "c"]);
    server.signal(0, Signal::CONT);
    until(&nodes[0], "it is back", |m| m.trouble.is_none()).await;
    let _d = node(&config, "d", 4).await;
    until(&nodes[0], "d is told", |m| known(m) == ["a", "b", "c", "d"]).await;
}

#[tokio::test]
async fn who_has_much_to_say_keeps_its_lease() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let nodes = nodes(&config, ["a", "b"]).await;
    let lease = nodes[0].shared.lease();
    let talk = async {
        for n in 0_u32.. {
            nodes[0].tell(|said| said.news.load = f64::from(n % 2));
            sleep(config.lease / 20).await;
        }
    };
    let _ = tokio::time::timeout(config.lease * 3, talk).await;
    assert_eq!(nodes[0].shared.lease(), lease);
}

#[tokio::test]
async fn compaction_hides_no_change() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let nodes = nodes(&config, ["a", "b"]).await;
    for load in [0.9, 0.1, 0.7] {
        nodes[0].tell(|said| said.news.load = load);
        server.compact();
        until(&nodes[1], "the load is told", |m| {
            (m.nodes[0].news.load - load).abs() < 0.01
        })
        .await;
    }
}

#[tokio::test]
async fn bad_records_hurt_nobody() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let nodes = nodes(&config, ["a", "b"]).await;
    let etcd = nodes[0].etcd();
    let heavy = registration("heavy", 9).to_json();
    let heavy = String::from_utf8_lossy(&heavy).replace(":100,", ":4000000000,");
    for (key, value) in [
        ("nodes/garbled", b"{".to_vec()),
        ("nodes/other", registration("a", 9).to_json()),
        ("nodes/heavy", heavy.into_bytes()),
        ("nodes/", b"".to_vec()),
        ("nodes/a/b", registration("a/b", 9).to_json()),
        ("config", b"not JSON".to_vec()),
        ("purges/1", b"of others".to_vec()),
    ] {
        let key = format!("{}{key}", config.prefix);
        etcd.put(&key, &value, 0).await.expect("writes");
    }
    // A live node's name is not to be had, either.
    let stolen = registration("a", 9).to_json();
    etcd.put(&config.node_key("a"), &stolen, 0)
        .await
        .expect("writes");
    until(&nodes[1], "all are refused", |m| m.refused.len() == 6).await;
    assert_eq!(known(&nodes[1].members()), ["a", "b"]);
    until(&nodes[1], "a insists", |m| {
        m.nodes[0].member.node.address.port() == 1
    })
    .await;
    // Who reads it all anew thinks the same.
    let newcomer = node(&config, "c", 3).await;
    until(&newcomer, "all good ones are there", |m| {
        known(m) == ["a", "b", "c"]
    })
    .await;
    assert_eq!(newcomer.members().refused.len(), 6);
}

#[tokio::test]
async fn a_second_node_of_one_name_waits_for_the_first_to_go() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let nodes = nodes(&config, ["a", "b"]).await;
    let second = node(&config, "a", 99).await;
    sleep(config.lease).await;
    assert_eq!(nodes[1].members().nodes[0].member.node.address.port(), 1);
    nodes[0].leave().await;
    until(&nodes[1], "the second has the name", |m| {
        m.nodes[0].member.node.address.port() == 99
    })
    .await;
    drop(second);
}

/// Waits until the file has a last view like this.
async fn until_kept(file: &std::path::Path, is_all: impl Fn(&Members) -> bool) {
    let kept = async {
        while !matches!(last_view::read(file), Ok(Some(m)) if is_all(&m)) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, kept)
        .await
        .expect("it is kept");
}

#[tokio::test]
async fn what_is_all_there_at_the_start_is_kept_though_nothing_changes() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("b.json");
    let config = config(&server);
    let a = node(&config, "a", 1).await;
    until(&a, "a is there", |m| known(m) == ["a"]).await;
    let late = MembershipConfig {
        last_view: Some(file.clone()),
        ..config
    };
    let _late = Membership::open(late, "b".into(), Vec::new())
        .await
        .expect("opens");
    until_kept(&file, |m| known(m) == ["a"]).await;
}

#[tokio::test]
async fn a_node_starts_with_its_last_view_while_etcd_is_away() {
    let Some(mut server) = EtcdServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.json");
    let config = MembershipConfig {
        last_view: Some(file.clone()),
        start_wait: Duration::from_millis(300),
        ..config(&server)
    };
    let first = node(&config, "a", 1).await;
    let others = MembershipConfig {
        last_view: None,
        ..config.clone()
    };
    let _b = node(&others, "b", 2).await;
    let applied = Applied::new(
        "v1".into(),
        "[cdn]\n",
        "me".into(),
        std::time::SystemTime::now(),
    );
    let done = applied.publish(first.etcd(), &config, 0).await;
    assert!(matches!(done, Ok(Application::Done(_))), "{done:?}");
    let is_all = |m: &Members| known(m) == ["a", "b"] && m.applied.is_some();
    until(&first, "all is there", is_all).await;
    until_kept(&file, is_all).await;
    drop(first);
    server.kill(0);

    let again = Membership::open(config.clone(), "a".into(), Vec::new())
        .await
        .expect("opens");
    let members = again.members();
    assert_eq!(
        (members.source, known(&members)),
        (Source::LastView, vec!["a", "b"])
    );
    assert_eq!(
        members.applied.as_ref().map(|a| a.version.as_str()),
        Some("v1")
    );
    let file = vec![registration("b", 2)];
    let unkept = Membership::open(others, "c".into(), file)
        .await
        .expect("opens");
    assert_eq!(unkept.members().source, Source::Nowhere);
    server.restart(0);
    until(&again, "etcd is back", |m| m.source == Source::Etcd).await;
    until(&unkept, "etcd is back", |m| m.source == Source::Etcd).await;
    assert!(known(&unkept.members()).contains(&"b"));
}

#[tokio::test]
async fn of_two_that_apply_at_once_one_wins_and_the_other_is_told() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let config = config(&server);
    let etcd = Etcd::new(config.etcd.clone()).expect("a client");
    let now = std::time::SystemTime::now();
    let mut before = 0;
    for _ in 0..5 {
        let mine = Applied::new("v1".into(), "mine", "me".into(), now);
        let other = Applied::new("v2".into(), "other", "another".into(), now);
        let (mine, other) = tokio::join!(
            mine.publish(&etcd, &config, before),
            other.publish(&etcd, &config, before)
        );
        let (winner, loser) = match (mine.expect("answers"), other.expect("answers")) {
            (Application::Done(at), Application::Overtaken(there)) => ((at, "mine"), there),
            (Application::Overtaken(there), Application::Done(at)) => ((at, "other"), there),
            both => panic!("{both:?}"),
        };
        let there = loser.expect("is told");
        assert_eq!((there.revision, there.text.as_str()), winner);
        before = there.revision;
    }
}
