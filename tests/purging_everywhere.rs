//! What was purged is served by no node any more, whatever happens to some of them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use http::Method;
use rustix::process::Signal;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    press::Press,
    wait,
};

/// The version of a page, if the node answers.
async fn version(cdn: &Cdn, name: &str, path: &str) -> Option<u64> {
    let answer = get(cdn.at(name), Cdn::HOST, path).try_send().await.ok()?;
    let page = answer.status.is_success().then(|| answer.text().to_owned());
    page?.parse().ok()
}

fn plan(press: &Press, shields: u8, pops: &[(&'static str, u8)], tables: &str) -> Plan {
    let pops = pops.iter().map(|(pop, edges)| (*pop, 0.0, 0.0, *edges));
    Plan {
        pops: pops.collect(),
        shields,
        tables: tables.to_owned(),
        ..Plan::small(press.origin.url())
    }
}

const SOON: &str = "[purge]\nout_of_touch = \"1s\"\n";

#[tokio::test]
async fn eight_nodes_have_it_in_milliseconds() {
    let press = Press::start().await;
    let cdn = Cdn::start(plan(&press, 2, &[("fra", 3), ("nyc", 3)], "")).await;
    for name in ["fra-1", "fra-2", "fra-3", "nyc-1", "nyc-2", "nyc-3"] {
        assert_eq!(version(&cdn, name, "/page").await, Some(1));
    }
    press.version.store(2, SeqCst);
    let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/page"]);
    assert_eq!(code, 0, "{out}{err}");
    // Not asserted: how fast the machine is.
    println!("{out}");
    assert!(out.contains("8 of 8 nodes after "), "{out}");
    for name in ["fra-1", "fra-2", "fra-3", "nyc-1", "nyc-2", "nyc-3"] {
        assert_eq!(version(&cdn, name, "/page").await, Some(2), "{name}");
    }
}

/// Clients that ask a node without end, and what they saw that they should not have seen.
struct Readers {
    /// What was acknowledged, and so the least that may be served from then on.
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    stale: Arc<Mutex<Vec<String>>>,
    answers: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

const PATHS: [&str; 4] = ["/a", "/b", "/c", "/d"];

impl Readers {
    fn start(cdn: &Cdn, names: &[&str]) -> Self {
        let mut readers = Readers {
            acknowledged: Arc::new(AtomicU64::new(1)),
            stop: Arc::default(),
            stale: Arc::default(),
            answers: Arc::default(),
            tasks: Vec::new(),
        };
        for name in names {
            for path in PATHS {
                let reading = readers.read(cdn, name, path);
                readers.tasks.push(tokio::spawn(reading));
            }
        }
        readers
    }

    fn read(&self, cdn: &Cdn, name: &str, path: &'static str) -> impl Future<Output = ()> + use<> {
        let (at, name) = (cdn.at(name), name.to_owned());
        let (acknowledged, stop) = (Arc::clone(&self.acknowledged), Arc::clone(&self.stop));
        let (stale, answers) = (Arc::clone(&self.stale), Arc::clone(&self.answers));
        async move {
            while !stop.load(SeqCst) {
                let least = acknowledged.load(SeqCst);
                let asking = get(at, Cdn::HOST, path).try_send();
                let limit = Duration::from_secs(20);
                let Ok(Ok(answer)) = tokio::time::timeout(limit, asking).await else {
                    // Nobody is there now.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                if !answer.status.is_success() {
                    continue;
                }
                answers.fetch_add(1, SeqCst);
                let version: u64 = answer.text().parse().unwrap();
                if version < least {
                    let said = answer.cache_status();
                    let told = format!("{name}{path}: {version} after {least}; {said}");
                    stale.lock().unwrap().push(told);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    async fn finish(self) -> u64 {
        self.stop.store(true, SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        let stale = self.stale.lock().unwrap();
        assert!(
            stale.is_empty(),
            "{} stale, such as {}",
            stale.len(),
            stale[0]
        );
        self.answers.load(SeqCst)
    }
}

/// A new version, and a purge of all of it. Who has not acknowledged is one of these.
fn publish(cdn: &Cdn, press: &Press, readers: &Readers, dead: &[&str]) {
    let version = press.version.fetch_add(1, SeqCst) + 1;
    let (code, out, err) = cdn.perigee(&["purge", "--host", "www.cdn.test"]);
    let missing: Vec<&str> = out
        .lines()
        .filter(|line| line.contains("no: "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(missing.iter().all(|name| dead.contains(name)), "{out}{err}");
    assert_eq!(code == 0, missing.is_empty(), "{out}{err}");
    readers.acknowledged.store(version, SeqCst);
}

#[tokio::test]
async fn no_stale_byte_after_the_acknowledgement_though_nodes_die_and_come_back() {
    let press = Press::start().await;
    let disk = "[storage.disk]\npath = \"cache\"\nsize = \"32MiB\"\nsegment = \"4MiB\"\n";
    let mut cdn = Cdn::start(plan(&press, 2, &[("fra", 3)], disk)).await;
    let readers = Readers::start(&cdn, &["fra-1", "fra-2", "fra-3"]);
    for round in 0..12 {
        let victim = ["fra-2", "shield-1", "fra-1", "shield-2"][round % 4];
        publish(&cdn, &press, &readers, &[]);
        // In the middle of the next one.
        let dying = cdn.node(victim).id();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(round as u64 * 2));
            let pid = rustix::process::Pid::from_raw(i32::try_from(dying).unwrap()).unwrap();
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
        });
        publish(&cdn, &press, &readers, &[victim]);
        killer.join().unwrap();
        publish(&cdn, &press, &readers, &[victim]);
        cdn.node(victim).wait();
        cdn.spawn(victim);
        cdn.until_ready(victim).await;
    }
    publish(&cdn, &press, &readers, &[]);
    let answers = readers.finish().await;
    println!("{answers} answers, none of them stale");
    assert!(answers > 100);
}

#[tokio::test]
async fn a_node_that_was_stopped_validates_what_it_held_before_it_serves_it() {
    let press = Press::start().await;
    let mut cdn = Cdn::start(plan(&press, 2, &[("fra", 2)], SOON)).await;
    for name in ["fra-1", "fra-2", "shield-1"] {
        for path in PATHS {
            for edge in ["fra-1", "fra-2"] {
                assert_eq!(version(&cdn, edge, path).await, Some(1));
            }
        }
        cdn.node(name).signal(Signal::STOP);
        press.version.fetch_add(1, SeqCst);
        // Not told to the one that is stopped: that would wait for it in its socket.
        for other in ["shield-1", "shield-2", "fra-1", "fra-2"] {
            if other != name {
                purge_on(&cdn, other).await;
            }
        }
        // It was away for longer than it may be.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let now = press.version.load(SeqCst);
        let at: Vec<_> = ["fra-1", "fra-2"].map(|edge| cdn.at(edge)).to_vec();
        cdn.node(name).signal(Signal::CONT);
        for path in PATHS {
            for at in &at {
                let answer = get(*at, Cdn::HOST, path).send().await;
                assert_eq!(answer.text(), now.to_string(), "{name} {path} {answer:?}");
            }
        }
        press.version.store(1, SeqCst);
        for other in ["shield-1", "shield-2", "fra-1", "fra-2"] {
            purge_on(&cdn, other).await;
        }
    }
}

/// On one node alone, by its admin API.
async fn purge_on(cdn: &Cdn, name: &str) {
    order_on(cdn, name, r#"{"host":"www.cdn.test"}"#).await;
}

/// What it answers.
async fn order_on(cdn: &Cdn, name: &str, order: &'static str) -> Value {
    let purge = ask(Method::POST, cdn.admin(name), "localhost", "/purge");
    let answer = purge.body(order).send().await;
    assert!(answer.status.is_success(), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn who_had_heard_of_a_purge_says_what_it_has_removed() {
    let press = Press::start().await;
    let cdn = Cdn::start(plan(&press, 1, &[("fra", 1)], "")).await;
    assert_eq!(version(&cdn, "fra-1", "/page").await, Some(1));
    let order = r#"{"url":"http://www.cdn.test/page","id":"one"}"#;
    assert_eq!(order_on(&cdn, "shield-1", order).await["keys"], 1);
    wait::until("the edge learns of it", || async {
        let status = get(cdn.admin("fra-1"), "localhost", "/status").send().await;
        let status: Value = serde_json::from_slice(&status.body).unwrap();
        (status["purge_revision"] == 1).then_some(())
    })
    .await;
    assert_eq!(order_on(&cdn, "fra-1", order).await["keys"], 1);
    let other = r#"{"url":"http://www.cdn.test/page","id":"other"}"#;
    assert_eq!(order_on(&cdn, "fra-1", other).await["keys"], 0);
}

#[tokio::test]
async fn what_one_node_was_told_the_others_learn() {
    let press = Press::start().await;
    let cdn = Cdn::start(plan(&press, 2, &[("fra", 2), ("nyc", 1)], "")).await;
    for told in ["shield-1", "shield-2", "fra-1", "nyc-1"] {
        for name in ["fra-1", "fra-2", "nyc-1"] {
            assert!(version(&cdn, name, "/page").await.is_some());
        }
        let now = press.version.fetch_add(1, SeqCst) + 1;
        purge_on(&cdn, told).await;
        for name in ["fra-1", "fra-2", "nyc-1"] {
            wait::until(
                &format!("{name} learns of what {told} was told"),
                || async { (version(&cdn, name, "/page").await == Some(now)).then_some(()) },
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_node_that_hears_of_nobody_validates_and_trusts_again_when_it_does() {
    let press = Press::start().await;
    let mut cdn = Cdn::start(plan(&press, 1, &[("fra", 1), ("nyc", 1)], SOON)).await;
    assert_eq!(version(&cdn, "fra-1", "/page").await, Some(1));
    cdn.node("shield-1").signal(Signal::STOP);
    press.version.store(2, SeqCst);
    // Nobody tells it; and nothing says that it is stale.
    wait::until("it validates", || async {
        (version(&cdn, "fra-1", "/page").await == Some(2)).then_some(())
    })
    .await;
    cdn.node("shield-1").signal(Signal::CONT);
    wait::until("it trusts what it has", || async {
        let asked = press.origin.count("/page");
        for _ in 0..3 {
            cdn.get("fra-1", "/page").await;
            // Longer than what it trusts out of touch.
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        (press.origin.count("/page") == asked).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_has_not_acknowledged_learns_of_it_before_it_serves() {
    let press = Press::start().await;
    let disk = "[storage.disk]\npath = \"cache\"\nsize = \"32MiB\"\nsegment = \"4MiB\"\n";
    let mut cdn = Cdn::start(plan(&press, 1, &[("fra", 2)], disk)).await;
    for path in PATHS {
        assert_eq!(version(&cdn, "fra-1", path).await, Some(1));
        assert_eq!(version(&cdn, "fra-2", path).await, Some(1));
    }
    cdn.node("fra-2").kill();
    press.version.store(2, SeqCst);
    let (code, out, err) = cdn.perigee(&["purge", "--host", "www.cdn.test"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        err.contains("1 of 3 nodes have not acknowledged: fra-2"),
        "{err}"
    );
    assert!(err.contains("they learn of it from the others"), "{err}");
    cdn.spawn("fra-2");
    // From its first answer on.
    for path in PATHS {
        let page = wait::until("fra-2 answers", || version(&cdn, "fra-2", path)).await;
        assert_eq!(page, 2, "{path}");
    }
}

#[tokio::test]
async fn logs_are_for_nodes_alone() {
    let press = Press::start().await;
    let cdn = Cdn::start(plan(&press, 1, &[("fra", 1)], "")).await;
    purge_on(&cdn, "fra-1").await;
    let path = "/.well-known/perigee/purges?wait=0";
    for (name, host) in [
        ("fra-1", Cdn::HOST),
        ("shield-1", Cdn::HOST),
        ("fra-1", "x.test"),
    ] {
        let answer = get(cdn.at(name), host, path).send().await;
        assert!(!answer.text().contains("\"entries\""), "{answer:?}");
    }
}
