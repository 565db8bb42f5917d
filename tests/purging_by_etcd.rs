//! Purges of a CDN whose nodes register in a real etcd: its log of purges is there. Skipped where there
//! is no etcd.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use rustix::process::Signal;

use crate::harness::{
    client::get,
    etcd::EtcdServer,
    fleet::{Fleet, HOST},
    press::Press,
    process::{command, finish},
    wait,
};

const PATHS: [&str; 3] = ["/a", "/b", "/c"];
const SOON: &str = "[purge]\nout_of_touch = \"1s\"\n";
const DISK: &str = "[storage.disk]\npath = \"cache\"\nsize = \"32MiB\"\nsegment = \"4MiB\"\n";
/// The command does not know it: this node does not do what the command says.
const CLOSED: &str = "[admin]\ntoken = \"nobody knows this token\"\n";

async fn start(etcd: &EtcdServer, press: &Press, more: &str, nodes: &[(&str, &str)]) -> Fleet {
    let mut fleet = Fleet::new(etcd);
    let (code, out, err) = fleet.apply(&fleet.policy(&press.origin.url(), more), &[]);
    assert_eq!(code, 0, "{out}{err}");
    for (name, own) in nodes {
        fleet.spawn_with(name, own);
    }
    let names: Vec<&str> = nodes.iter().map(|(name, _)| *name).collect();
    for (name, own) in nodes {
        fleet.until_registered(name).await;
        // The others are asked by their admin API.
        if own.contains(CLOSED) {
            until_it_serves(&fleet, name).await;
        } else {
            fleet.until_ready(name).await;
            fleet.until_knows(name, &names).await;
        }
    }
    fleet
}

/// The version of a page, if the node answers.
async fn version(fleet: &Fleet, name: &str, path: &str) -> Option<u64> {
    let answer = get(fleet.at(name), HOST, path).try_send().await.ok()?;
    let page = answer.status.is_success().then(|| answer.text().to_owned());
    page?.parse().ok()
}

async fn until_it_serves(fleet: &Fleet, name: &str) {
    wait::until(&format!("{name} is there"), || async {
        let answer = get(fleet.at(name), HOST, "/there").try_send().await;
        answer.is_ok().then_some(())
    })
    .await;
}

/// Each of these has all pages, of this version.
async fn filled(fleet: &Fleet, names: &[&str], expected: u64) {
    for name in names {
        for path in PATHS {
            assert_eq!(
                version(fleet, name, path).await,
                Some(expected),
                "{name}{path}"
            );
        }
    }
}

/// `perigee purge` of all that there is, by a file that has this.
fn purge(fleet: &Fleet, file: &str) -> (i32, String, String) {
    let file = fleet.write("purge.toml", file);
    let file = file.to_str().unwrap();
    finish(&mut command(&["purge", "--host", HOST, "--config", file]))
}

#[tokio::test]
async fn all_that_are_registered_have_it_and_it_is_in_etcd() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let press = Press::start().await;
    let nodes = ["fra-1", "fra-2", "fra-3", "shield-1", "shield-2"];
    let fleet = start(&etcd, &press, "", &nodes.map(|name| (name, ""))).await;
    let edges = &nodes[..3];
    for now in 2..5 {
        filled(&fleet, edges, now - 1).await;
        press.version.store(now, SeqCst);
        let (code, out, err) = purge(&fleet, &fleet.head());
        assert_eq!(code, 0, "{out}{err}");
        println!("{out}");
        assert!(out.contains("5 of 5 nodes after "), "{out}");
        assert!(out.contains("in etcd after ") && out.contains(&format!("number {}", now - 1)));
        filled(&fleet, edges, now).await;
    }
    // What no node would take does not get there, where it would be taken for all that there is.
    let file = fleet.write("purge.toml", &fleet.head());
    let bad = ["purge", "--tag", "", "--config", file.to_str().unwrap()];
    let (code, out, err) = finish(&mut command(&bad));
    assert!(code != 0 && !out.contains("in etcd"), "{out}{err}");
    let asked = press.origin.count("/a");
    filled(&fleet, edges, 4).await;
    assert_eq!(press.origin.count("/a"), asked);
}

#[tokio::test]
async fn an_edge_that_nobody_reaches_learns_of_it_from_etcd() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let press = Press::start().await;
    // There is no other node that it could learn of it from.
    let own = format!("{CLOSED}{DISK}");
    let mut fleet = start(&etcd, &press, SOON, &[("fra-1", &own)]).await;
    filled(&fleet, &["fra-1"], 1).await;

    press.version.store(2, SeqCst);
    let (code, out, err) = purge(&fleet, &fleet.head());
    assert!(code == 1 && out.contains("in etcd after "), "{out}{err}");
    assert!(err.contains("have not acknowledged: fra-1"), "{err}");
    assert!(err.contains("they learn of it from etcd"), "{err}");
    assert!(err.contains(" GMT on at the latest"), "{err}");
    for path in PATHS {
        wait::until("it learns of it", || async {
            (version(&fleet, "fra-1", path).await == Some(2)).then_some(())
        })
        .await;
    }

    // Killed, with what it has on its disk.
    fleet.node("fra-1").kill();
    press.version.store(3, SeqCst);
    let (_, out, err) = purge(&fleet, &fleet.head());
    assert!(out.contains("in etcd after "), "{out}{err}");
    etcd.compact();
    fleet.spawn_with("fra-1", &own);
    for path in PATHS {
        // From its first answer on.
        let page = wait::until("it answers", || version(&fleet, "fra-1", path)).await;
        assert_eq!(page, 3, "{path}");
    }

    // Stopped, for longer than it may be out of touch.
    filled(&fleet, &["fra-1"], 3).await;
    fleet.node("fra-1").signal(Signal::STOP);
    press.version.store(4, SeqCst);
    let (_, out, err) = purge(&fleet, &fleet.head());
    assert!(out.contains("in etcd after "), "{out}{err}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    fleet.node("fra-1").signal(Signal::CONT);
    filled(&fleet, &["fra-1"], 4).await;
}

#[tokio::test]
async fn without_etcd_all_goes_on_and_is_validated_until_it_is_back() {
    let Some(mut etcd) = EtcdServer::start() else {
        return;
    };
    let press = Press::start().await;
    let nodes = [("fra-1", ""), ("fra-2", ""), ("shield-1", "")];
    let fleet = start(&etcd, &press, SOON, &nodes).await;
    let edges = ["fra-1", "fra-2"];
    for frozen in [true, false] {
        press.version.store(1, SeqCst);
        let (code, out, err) = purge(&fleet, &fleet.head());
        assert_eq!(code, 0, "{out}{err}");
        for name in edges {
            for path in PATHS {
                wait::until("it has the first version", || async {
                    (version(&fleet, name, path).await == Some(1)).then_some(())
                })
                .await;
            }
        }
        match frozen {
            true => etcd.signal(0, Signal::STOP),
            false => etcd.kill(0),
        }
        // Nobody tells them of that, and all that was said of it is that it is fresh.
        press.version.store(2, SeqCst);
        for name in edges {
            for path in PATHS {
                wait::until("it validates", || async {
                    let page = version(&fleet, name, path).await;
                    (page.expect("it is served all the time") == 2).then_some(())
                })
                .await;
            }
        }
        // Whoever is known can still be told; that not all know of it is said.
        press.version.store(3, SeqCst);
        let known = format!(
            "{}\n[[edges]]\nname = \"fra-1\"\npop = \"fra\"\nlisten = [\"{}\"]\nadmin = \"{}\"\n",
            fleet.policy(&press.origin.url(), ""),
            fleet.at("fra-1"),
            fleet.admin("fra-1"),
        );
        let (code, out, err) = purge(&fleet, &known);
        assert!(code == 1 && out.contains("fra-1  yes"), "{out}{err}");
        assert!(err.contains("etcd cannot be written: "), "{out}{err}");
        match frozen {
            true => etcd.signal(0, Signal::CONT),
            false => etcd.restart(0),
        }
        for name in edges {
            wait::until("it trusts what it has", || async {
                let asked = press.origin.count("/a");
                for _ in 0..3 {
                    version(&fleet, name, "/a").await;
                    // Longer than what is trusted out of touch.
                    tokio::time::sleep(Duration::from_millis(600)).await;
                }
                (press.origin.count("/a") == asked).then_some(())
            })
            .await;
        }
        for name in ["fra-1", "fra-2", "shield-1"] {
            fleet.until_registered(name).await;
        }
    }
}

#[tokio::test]
async fn who_dies_or_stops_in_the_middle_never_serves_what_was_purged() {
    let Some(etcd) = EtcdServer::start() else {
        return;
    };
    let press = Press::start().await;
    let nodes = ["fra-1", "fra-2", "shield-1"].map(|name| (name, DISK));
    let mut fleet = start(&etcd, &press, SOON, &nodes).await;
    let edges = ["fra-1", "fra-2"];
    for (round, victim) in ["fra-2", "shield-1", "fra-1", "fra-2"]
        .into_iter()
        .enumerate()
    {
        let now = round as u64 + 2;
        filled(&fleet, &edges, now - 1).await;
        let dying = fleet.node(victim).id();
        let signal = [Signal::KILL, Signal::STOP][round % 2];
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(round as u64 * 5));
            let pid = rustix::process::Pid::from_raw(i32::try_from(dying).unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
        });
        press.version.store(now, SeqCst);
        let (code, out, err) = purge(&fleet, &fleet.head());
        killer.join().unwrap();
        let is_missing = out
            .lines()
            .any(|l| l.starts_with(victim) && l.contains("no: "));
        assert_eq!(code == 1, is_missing, "{out}{err}");
        let others: Vec<&str> = edges.into_iter().filter(|edge| *edge != victim).collect();
        for name in &others {
            for path in PATHS {
                let page = wait::until("it answers", || version(&fleet, name, path)).await;
                assert_eq!(page, now, "{name}{path} without {victim}");
            }
        }
        // It was away for longer than it may be.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        if signal == Signal::STOP {
            fleet.node(victim).signal(Signal::CONT);
        } else {
            fleet.node(victim).wait();
            fleet.spawn_with(victim, DISK);
        }
        for name in edges {
            for path in PATHS {
                let page = wait::until("it answers", || version(&fleet, name, path)).await;
                assert_eq!(page, now, "{name}{path} after {victim}");
            }
        }
        fleet.until_ready(victim).await;
        fleet.until_registered(victim).await;
    }
}
