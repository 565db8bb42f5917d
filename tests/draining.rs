//! A node is taken out and loses nothing.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    gated::Gated,
    net::Net,
    origin::{Origin, fresh},
    process::{Process, command, run},
    raw_client::RawClient,
    wait,
};
use crate::one_proxy::Proxy;

/// Bytes that no socket takes at once.
const LARGE: usize = 32 << 20;

/// Two PoPs of two edges, with a name server.
fn plan(origin: String) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 2), ("nyc", 40.71, -74.01, 2)],
        shields: 2,
        geodns: true,
        tables: "[health]\ninterval = \"100ms\"\n".to_owned(),
        ..Plan::small(origin)
    }
}

/// With so much time for all to notice.
fn grace(time: &'static str) -> impl FnOnce(String) -> String {
    move |text| text.replace("grace = \"200ms\"", &format!("grace = \"{time}\""))
}

async fn status(cdn: &Cdn, name: &str) -> Value {
    let answer = get(cdn.admin(name), "localhost", "/status").send().await;
    serde_json::from_slice(&answer.body).unwrap()
}

/// POST /drain with this body.
async fn order(cdn: &Cdn, name: &str, body: &'static str) -> (StatusCode, Value) {
    let ask = ask(http::Method::POST, cdn.admin(name), "localhost", "/drain");
    let answer = ask.body(body).send().await;
    let told = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, told)
}

async fn until_phase(cdn: &Cdn, name: &str, phase: &str) {
    wait::until(&format!("{name} is {phase}"), || async {
        let status = status(cdn, name).await;
        (status["drain"]["phase"] == phase).then_some(())
    })
    .await;
}

/// Waits until one node thinks so of another one.
async fn until_seen(cdn: &Cdn, by: &str, node: &str, draining: bool) {
    wait::until(
        &format!("{by} sees {node} draining: {draining}"),
        || async {
            let status = status(cdn, by).await;
            let lists = [&status["next_hops"], &status["edges"]];
            let mut hops = lists.into_iter().filter_map(Value::as_array).flatten();
            let hop = hops.find(|hop| hop["name"] == node || hop["node"] == node)?;
            (hop["draining"] == draining).then_some(())
        },
    )
    .await;
}

/// `perigee drain ARGS --config FILE`, while the scenario goes on.
async fn drain(cdn: &Cdn, args: &[&str]) -> (i32, String, String) {
    let file = cdn.file();
    let mut all = vec!["drain"];
    all.extend(args);
    all.extend(["--config", file.to_str().unwrap()]);
    let mut command = command(&all);
    let run = move || crate::harness::process::finish(&mut command);
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn one_that_does_not_answer_may_have_the_order_and_is_not_waited_for_longer_than_said() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    cdn.node("fra-1").signal(Signal::STOP);
    for (wait, within) in [("1s", "0.5 s"), ("100ms", "0.05 s")] {
        let (code, told, why) = drain(&cdn, &["fra-1", "--wait", wait]).await;
        assert_eq!(code, 1, "{told}{why}");
        for says in [within, "it may have the order", "--undo"] {
            assert!(why.contains(says), "{says}: {why}");
        }
    }
    cdn.node("fra-1").signal(Signal::CONT);
}

#[tokio::test]
async fn a_node_is_drained_by_name_and_is_gone_when_the_command_returns() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start_with(plan(origin.url()), grace("1s")).await;
    for name in ["fra-1", "shield-1", "ns1"] {
        let (code, told, warned) = drain(&cdn, &[name]).await;
        assert_eq!(code, 0, "{told}{warned}");
        let says = ["leaving", "has stopped"];
        assert!(says.iter().all(|what| told.contains(what)), "{told}");
        assert!(cdn.node(name).wait().success());
        assert_eq!(warned.is_empty(), name != "ns1", "{name}: {warned}");
    }
    // It is told apart from one that answers, and from one that is not in the file.
    let (code, _, why) = drain(&cdn, &["fra-1"]).await;
    assert_eq!(code, 1);
    assert!(
        why.contains("connection refused; has it stopped already?"),
        "{why}"
    );
    let (code, _, why) = drain(&cdn, &["fra-3"]).await;
    assert_eq!(code, 1);
    assert!(
        why.contains("did you mean \"fra-1\"?") || why.contains("did you mean \"fra-2\"?"),
        "{why}"
    );
    // The other one of its PoP is the last.
    let (code, _, warned) = drain(&cdn, &["fra-2", "--wait", "0s"]).await;
    assert_eq!(code, 0);
    assert!(
        warned.contains("fra-2 is the last healthy edge of fra"),
        "{warned}"
    );
    assert!(cdn.node("fra-2").wait().success());
}

#[tokio::test]
async fn a_drain_can_be_taken_back_while_clients_are_let_in() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start_with(plan(origin.url()), grace("10m")).await;
    let (code, ..) = drain(&cdn, &["fra-1", "--wait", "0s"]).await;
    assert_eq!(code, 0);
    until_phase(&cdn, "fra-1", "leaving").await;
    for by in ["fra-2", "ns1"] {
        until_seen(&cdn, by, "fra-1", true).await;
    }
    let (code, told, _) = cdn.perigee(&["status"]);
    let row = told.lines().find(|line| line.starts_with("fra-1"));
    assert!(
        row.is_some_and(|row| row.contains("draining: 6") || row.contains("draining: 5")),
        "{told}"
    );
    assert_eq!(code, 0, "it is up");

    // There is time yet: nobody is sent away.
    let answer = cdn.get("fra-1", "/").await;
    assert_eq!(answer.field("connection"), "");

    let (code, told, _) = drain(&cdn, &["fra-1", "--undo"]).await;
    assert_eq!((code, told.as_str()), (0, "fra-1: serves\n"));
    until_phase(&cdn, "fra-1", "serving").await;
    until_seen(&cdn, "fra-2", "fra-1", false).await;
    let both = wait::until("the name server answers with both", || async {
        let told = resolve(&cdn).await;
        (told.len() == 2).then_some(told)
    });
    assert!(both.await.contains(&cdn.at("fra-1").ip()));
    // And its connections are kept alive again.
    let answer = cdn.get("fra-1", "/").await;
    assert_eq!(
        (answer.text(), answer.field("connection").as_str()),
        ("content", "")
    );
}

/// The edges that a client is told, by their addresses.
async fn resolve(cdn: &Cdn) -> Vec<IpAddr> {
    let patience = Duration::from_secs(10);
    let answer = perigee_geodns::query(cdn.at("ns1"), Cdn::HOST, "A", None, patience, false);
    let answers = answer.await.unwrap().answers;
    answers
        .iter()
        .map(|record| record.data.parse().unwrap())
        .collect()
}

#[tokio::test]
async fn one_that_keeps_running_serves_who_comes_until_it_is_told_more() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(plan(origin.url())).await;
    let (code, told, _) = drain(&cdn, &["fra-1", "--keep-running"]).await;
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("keeps running") && told.contains("--undo"),
        "{told}"
    );
    let answer = cdn.get("fra-1", "/").await;
    assert_eq!(
        (answer.text(), answer.field("connection").as_str()),
        ("content", "close")
    );
    wait::until("nobody is sent there", || async {
        (resolve(&cdn).await == [cdn.at("fra-2").ip()]).then_some(())
    })
    .await;
    let (_, told, _) = cdn.perigee(&["status"]);
    assert!(told.contains("draining: keeps running"), "{told}");

    // SIGTERM stops it then; what it waited for has passed.
    cdn.node("fra-1").signal(Signal::TERM);
    assert!(cdn.node("fra-1").wait().success());
}

#[tokio::test]
async fn what_a_draining_edge_owned_is_asked_of_the_next_owner() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start_with(plan(origin.url()), grace("10m")).await;
    let own = cdn.path_owned_by("fra-1", "own").await;
    let not_asked = cdn.path_owned_by("fra-1", "new").await;
    assert!(cdn.get("fra-1", &own).await.is_hit());
    order(&cdn, "fra-1", "").await;
    until_seen(&cdn, "fra-2", "fra-1", true).await;
    // What it has, it still serves.
    let kept = cdn.get("fra-1", &own).await;
    assert!(
        kept.is_hit() && !kept.cache_status().contains("peer"),
        "{}",
        kept.cache_status()
    );
    // What it lacks is the other one's by now, whoever is asked for it.
    let path = format!("{not_asked}?again");
    for n in 0..20 {
        let path = format!("{path}{n}");
        let answer = cdn.get("fra-1", &path).await;
        assert!(
            answer.cache_status().contains("peer fra-2"),
            "{}",
            answer.cache_status()
        );
        let answer = cdn.get("fra-2", &path).await;
        assert!(
            answer.is_hit() && !answer.cache_status().contains("peer"),
            "{}",
            answer.cache_status()
        );
    }
    assert_eq!(status(&cdn, "fra-1").await["draining"], true);
}

#[tokio::test]
async fn a_download_that_is_under_way_is_finished() {
    let bytes: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let large = Bytes::from(bytes);
    let body = large.clone();
    let origin = Gated::start_for(
        |asked| asked.path == "/long",
        move |asked, _| match asked.path.as_str() {
            "/large" => fresh(body.clone()),
            _ => fresh("a long download"),
        },
    )
    .await;
    let longer = |text: String| text.replace("deadline = \"10s\"", "deadline = \"5m\"");
    let mut cdn = Cdn::start_with(plan(origin.url()), longer).await;
    let download = tokio::spawn(get(cdn.at("fra-1"), Cdn::HOST, "/long").try_send());
    origin.until_asked("/long", 1).await;
    // Another one has begun, and its reader takes its time.
    let mut slow = RawClient::connect(cdn.at("fra-1")).await;
    let host = Cdn::HOST;
    let ask = format!("GET /large HTTP/1.1\r\nhost: {host}\r\n\r\n");
    slow.write(ask.as_bytes()).await;
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.extend(slow.exactly(1).await.unwrap());
    }
    read = slow.exactly(LARGE / 64).await.unwrap();
    let args = ["drain", "fra-1", "--config"];
    let file = cdn.file();
    let args: Vec<_> = args.into_iter().chain([file.to_str().unwrap()]).collect();
    let folder = tempfile::TempDir::new().unwrap();
    let mut follows = Process::start("drain", folder.path(), &args);
    until_phase(&cdn, "fra-1", "finishing").await;
    let said = status(&cdn, "fra-1").await;
    assert_eq!(
        (said["requests"].as_u64(), said["draining"].as_bool()),
        (Some(2), Some(true))
    );
    wait::until("it is told of", || async {
        follows
            .stdout()
            .contains("2 requests are under way")
            .then_some(())
    })
    .await;
    let (_, told, _) = cdn.perigee(&["status"]);
    assert!(told.contains("draining: finishing"), "{told}");
    // Too late to think of it again.
    let (refused, why) = order(&cdn, "fra-1", r#"{"undo": true}"#).await;
    assert_eq!(refused, StatusCode::CONFLICT, "{why}");
    // The first signal says what it knows already.
    cdn.node("fra-1").signal(Signal::TERM);

    read.extend(slow.exactly(LARGE - LARGE / 64).await.unwrap());
    assert!(read == large, "other bytes");
    origin.let_out(1);
    assert_eq!(download.await.unwrap().unwrap().text(), "a long download");
    assert!(cdn.node("fra-1").wait().success());
    assert!(follows.wait().success());
    assert!(
        follows.stdout().contains("has stopped"),
        "{}",
        follows.stdout()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_without_a_file_is_drained_by_its_address() {
    let origin = Origin::cacheable("content").await;
    let admin = Net::new().at(2, 9901).to_string();
    let mut proxy = Proxy::start(&origin.url(), &["--admin", &admin]).await;
    // It listens to clients before it does to its operator.
    let address = admin.parse().unwrap();
    wait::until("the admin API answers", || async {
        let health = get(address, "localhost", "/health").try_send().await;
        health.ok()
    })
    .await;
    let by_address = ["drain", "--admin", &admin];
    let drain = || tokio::task::block_in_place(|| run(&by_address));
    // Nobody watches it, so that nobody need notice.
    let (code, told, warned) = drain();
    assert_eq!((code, warned.as_str()), (0, ""), "{told}");
    assert!(told.contains(&format!("{admin}: has stopped")), "{told}");
    assert!(proxy.process.wait().success());
    let (code, _, why) = drain();
    assert_eq!(code, 1);
    assert!(why.contains("nothing to drain"), "{why}");
    let (code, _, why) = run(&["drain"]);
    assert_eq!(code, 2);
    assert!(why.contains("NODE"), "{why}");
}

#[tokio::test]
async fn who_tells_it_twice_does_not_want_to_wait() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start_with(plan(origin.url()), grace("10m")).await;
    // The order is no signal: a service manager that stops the node after it waits as it should.
    order(&cdn, "fra-1", "").await;
    cdn.node("fra-1").signal(Signal::TERM);
    wait::until("it has heard", || {
        let said = cdn.node("fra-1").stderr();
        async move { said.contains("told by a signal").then_some(()) }
    })
    .await;
    assert!(cdn.node("fra-1").is_running());
    cdn.node("fra-1").signal(Signal::TERM);
    assert_eq!(cdn.node("fra-1").wait().code(), Some(130));
}

#[tokio::test]
async fn another_grace_in_the_file_counts_for_a_drain_that_has_begun() {
    let origin = Origin::cacheable("content").await;
    let faster = Plan {
        tables: "[reload]\ncheck_interval = \"100ms\"\n".to_owned(),
        ..plan(origin.url())
    };
    let mut cdn = Cdn::start_with(faster, grace("10m")).await;
    order(&cdn, "fra-1", "").await;
    cdn.write(&cdn.text());
    assert!(cdn.node("fra-1").wait().success());
}
