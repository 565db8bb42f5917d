//! Nodes that register in a real etcd and find each other there. Skipped where there is none.

use std::process::Command;

use rustix::process::Signal;

use crate::harness::{
    etcd::EtcdServer,
    fleet::fleet,
    process::{command, finish},
    wait,
};

#[tokio::test]
async fn nodes_find_each_other_and_forget_who_dies() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let names = ["fra-1", "fra-2", "fra-3", "shield-1", "ns1"];
    let (mut fleet, origin) = fleet(&etcd, &names).await;
    // One object, one owner, one shield, one request to the origin: they agree on the ring.
    for name in ["fra-1", "fra-2", "fra-3"] {
        assert_eq!(fleet.ask(name, "/a").await.status, 200);
    }
    assert_eq!(origin.count("/a"), 1);

    fleet.node("fra-3").kill();
    let left = ["fra-1", "fra-2", "shield-1", "ns1"];
    for name in left {
        fleet.until_knows(name, &left).await;
    }
    // Who stops of itself is gone at once, and is told so.
    fleet.node("fra-2").signal(Signal::TERM);
    assert!(fleet.node("fra-2").wait().success());
    fleet.until_knows("ns1", &["fra-1"]).await;
    fleet.spawn("fra-3");
    fleet
        .until_knows("fra-1", &["fra-1", "fra-3", "shield-1"])
        .await;
    fleet.until_knows("ns1", &["fra-1", "fra-3"]).await;
}

#[tokio::test]
async fn when_etcd_dies_everything_goes_on_and_a_node_can_start() {
    let Some(mut etcd) = EtcdServer::start() else {
        return;
    };
    let names = ["fra-1", "fra-2", "fra-3"];
    let (mut fleet, _origin) = fleet(&etcd, &names).await;
    assert_eq!(fleet.ask("fra-1", "/a").await.status, 200);
    etcd.kill(0);
    for name in names {
        let err = fleet.node(name).stderr();
        drop(err);
        wait::until("it says that etcd is away", || async {
            let said = std::fs::read_to_string(fleet.folder.path().join(format!("{name}.err")));
            said.ok()?.contains("etcd cannot be reached").then_some(())
        })
        .await;
        assert_eq!(fleet.ask(name, "/a").await.status, 200);
        fleet.until_knows(name, &names).await;
    }
    // With its last view, and with what was applied: its own file has no services.
    fleet.lines = fleet.lines.replace("\"20s\"", "\"1s\"");
    fleet.node("fra-2").kill();
    fleet.spawn("fra-2");
    fleet.until_ready("fra-2").await;
    assert!(
        fleet
            .node("fra-2")
            .stderr()
            .contains("starting with the last view")
    );
    fleet.until_knows("fra-2", &names).await;
    assert_eq!(fleet.ask("fra-2", "/a").await.status, 200);
    // One that never was there has nothing to start with, and says so.
    fleet.spawn("fra-4");
    assert!(!fleet.node("fra-4").wait().success());
    let why = fleet.node("fra-4").stderr();
    assert!(
        why.contains("no last view is kept") && why.contains("perigee apply"),
        "{why}"
    );

    etcd.restart(0);
    fleet.spawn("fra-4");
    fleet.until_ready("fra-4").await;
    for name in names {
        fleet
            .until_knows(name, &["fra-1", "fra-2", "fra-3", "fra-4"])
            .await;
    }
}

#[tokio::test]
async fn a_frozen_etcd_and_compaction_change_nothing() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let names = ["fra-1", "fra-2"];
    let (mut fleet, origin) = fleet(&etcd, &names).await;
    etcd.signal(0, Signal::STOP);
    wait::until("it says that etcd is away", || async {
        let said = std::fs::read_to_string(fleet.folder.path().join("fra-1.err")).ok()?;
        said.contains("etcd cannot be reached").then_some(())
    })
    .await;
    assert_eq!(fleet.ask("fra-1", "/a").await.status, 200);
    fleet.until_knows("fra-1", &names).await;
    etcd.signal(0, Signal::CONT);
    etcd.compact();
    fleet.spawn("fra-3");
    fleet.until_ready("fra-3").await;
    etcd.compact();
    let all = ["fra-1", "fra-2", "fra-3"];
    for name in all {
        fleet.until_knows(name, &all).await;
    }
    let (code, out, err) = fleet.apply(&fleet.policy(&origin.url(), "# 2\n"), &[]);
    assert_eq!(code, 0, "{out}{err}");
}

#[tokio::test]
async fn apply_is_all_or_nothing_and_stragglers_are_shown() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let names = ["fra-1", "fra-2", "shield-1", "ns1"];
    let (mut fleet, origin) = fleet(&etcd, &names).await;
    let first = fleet.policy(&origin.url(), "");
    let (code, _, err) = fleet.apply(&first.replace("origins", "origns"), &[]);
    assert_eq!(code, 1);
    let line = first.lines().position(|line| line.starts_with("origins"));
    let place = format!("applied.toml:{}:1: error", line.unwrap() + 1);
    assert!(err.contains(&place), "{err}");
    assert!(
        err.contains("origns") && err.contains("nothing is applied"),
        "{err}"
    );
    let (code, out, _) = fleet.apply(&first, &[]);
    assert!(code == 0 && out.contains("applied already"), "{out}");

    let second = fleet.policy(&origin.url(), "[services.cache]\ndefault_ttl = \"7s\"\n");
    let (code, out, err) = fleet.apply(&second, &[]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("all 4 nodes run it"), "{out}");
    let version = out.split_whitespace().nth(1).unwrap().to_owned();
    let (code, out, _) = fleet.status(&fleet.head());
    assert!(code == 0 && out.matches(&version).count() == 5, "{out}");
    assert!(!out.contains('*'), "{out}");

    // One that cannot take it goes on with what it had, and all see who and why.
    let third = second.clone() + "[limits]\ncoalesce_wait = \"7s\"\n";
    let (code, out, err) = fleet.apply(&third, &["--wait", "1s"]);
    assert!(code == 1 && out.contains("is applied"), "{out}{err}");
    let (_, out, _) = fleet.status(&fleet.head());
    assert!(
        out.contains("* runs another version than was applied"),
        "{out}"
    );
    assert!(
        out.contains("fra-1 does not run what was applied: `coalesce_wait`"),
        "{out}"
    );
    assert_eq!(fleet.ask("fra-1", "/a").await.status, 200);
    // And still follows who comes and goes.
    fleet.node("fra-2").kill();
    fleet.until_knows("fra-1", &["fra-1", "shield-1"]).await;
    // A restart takes it, and so does what can be taken.
    fleet.spawn("fra-2");
    fleet.until_ready("fra-2").await;
    let (code, out, err) = fleet.apply(&second, &["--wait", "10s", "--replaces", &version]);
    assert!(code == 1 && err.contains("came first"), "{out}{err}");
}

#[tokio::test]
async fn of_two_who_apply_at_once_one_wins() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let (fleet, origin) = fleet(&etcd, &[]).await;
    let base = fleet.policy(&origin.url(), "");
    let version = fleet
        .apply(&base, &[])
        .1
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_owned();
    let race = (0..4).map(|n| {
        let file = fleet.write(&format!("race-{n}.toml"), &format!("{base}# {n}\n"));
        let mut command = command(&["apply", file.to_str().unwrap(), "--replaces", &version]);
        std::thread::spawn(move || finish(&mut command))
    });
    let race: Vec<_> = race.collect();
    let ends: Vec<_> = race.into_iter().map(|end| end.join().unwrap()).collect();
    let winners = ends.iter().filter(|(code, ..)| *code == 0).count();
    assert_eq!(winners, 1, "{ends:?}");
    for (code, _, err) in ends {
        assert!(code == 0 || err.contains("came first"), "{err}");
    }
}

#[tokio::test]
async fn bad_records_hurt_no_node() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let names = ["fra-1", "fra-2", "ns1"];
    let (fleet, _origin) = fleet(&etcd, &names).await;
    let record = |name: &str, weight: u64, address: &str, pop: &str| {
        format!(
            r#"{{"name":"{name}","role":"edge","pop":"{pop}","tier_address":"{address}","weight":{weight}}}"#
        )
    };
    for (key, value) in [
        ("fra-3", "{ garbled".to_owned()),
        ("fra-4", record("fra-2", 100, "127.0.0.1:1", "fra")),
        ("fra-5", record("fra-5", 99_999_999, "127.0.0.1:1", "fra")),
        ("fra-6", record("fra-6", 100, "127.0.0.1:1", "nowhere")),
        ("fra-2", record("fra-2", 100, "127.0.0.1:1", "fra")),
        // A good one at last, so that there is something to wait for. Nobody is there: it is down.
        ("fra-9", record("fra-9", 100, "127.0.0.1:1", "fra")),
    ] {
        let put = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &fleet.etcd[0], "put"])
            .args([&format!("/perigee/test/nodes/{key}"), &value])
            .output();
        let Ok(put) = put else {
            eprintln!("SKIPPED: there is no `etcdctl` on PATH");
            return;
        };
        assert!(put.status.success(), "{put:?}");
    }
    let expected = ["fra-1", "fra-2", "fra-9"];
    fleet.until_knows("fra-1", &expected).await;
    fleet.until_knows("ns1", &expected).await;
    for n in 0..20 {
        assert_eq!(fleet.ask("fra-1", &format!("/{n}")).await.status, 200);
    }
    let (_, out, _) = fleet.status(&fleet.head());
    assert!(out.contains("nodes/fra-3 in etcd is not believed"), "{out}");
    assert!(
        out.contains("nodes/fra-5 in etcd is not believed: its weight"),
        "{out}"
    );
}
