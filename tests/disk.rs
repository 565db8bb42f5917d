//! The disk: what a restart keeps, and what becomes of a node whose disk fails it.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    harness::{
        cdn::{Cdn, Plan},
        client::{ask, get},
        origin::{Asked, Origin, fresh},
        process::{command, finish},
        wait,
    },
    one_proxy::Proxy,
};

pub(crate) const NODE: &str = "fra-1";

/// One edge with a small disk under a small memory.
pub(crate) fn plan(origin: &Origin, path: &str) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 1)],
        shields: 0,
        tables: format!(
            "[storage]\nmemory = \"8MiB\"\n\n[storage.disk]\npath = \"{path}\"\nsize = \"32MiB\"\n\
             segment = \"4MiB\"\nretry_after = \"100ms\"\n"
        ),
        ..Plan::small(origin.url())
    }
}

/// What the node keeps its disk in.
pub(crate) fn folder(cdn: &Cdn, node: &str) -> PathBuf {
    cdn.file().parent().unwrap().join("cache").join(node)
}

/// The body of `/LENGTH/NAME`: no two are alike, and none is where it should not be.
pub(crate) fn body(path: &str) -> Bytes {
    let length: usize = path.split('/').nth(1).unwrap().parse().unwrap();
    let seed = path.bytes().fold(7_u64, |hash, byte| {
        hash.wrapping_mul(0x0100_0000_01B3) ^ u64::from(byte)
    });
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) async fn bodies() -> Origin {
    Origin::start(|asked: Asked| async move { fresh(body(&asked.path)) }).await
}

/// Asks for it, and checks each byte; whether it was a hit.
pub(crate) async fn hit(cdn: &Cdn, path: &str) -> bool {
    let answer = cdn.get(NODE, path).await;
    assert_eq!(answer.status.as_u16(), 200, "{path}");
    assert!(answer.body == body(path), "{path}: other bytes");
    answer.is_hit()
}

/// What the node says of its disk.
pub(crate) async fn told(cdn: &Cdn, node: &str) -> Value {
    let status = get(cdn.admin(node), "localhost", "/status").send().await;
    let status: Value = serde_json::from_slice(&status.body).unwrap();
    status["disk"].clone()
}

pub(crate) async fn until_told(cdn: &Cdn, what: &str, is_so: impl Fn(&Value) -> bool) {
    wait::until(what, || async {
        let told = told(cdn, NODE).await;
        is_so(&told).then_some(())
    })
    .await;
}

pub(crate) async fn until_written(cdn: &Cdn, keys: u64) {
    until_told(cdn, "all is written", |disk| {
        disk["queued"] == 0 && disk["keys"].as_u64() >= Some(keys)
    })
    .await;
}

pub(crate) async fn start_again(cdn: &mut Cdn) {
    cdn.spawn(NODE);
    cdn.until_ready(NODE).await;
    until_told(cdn, "the disk is known", |disk| disk["loaded"] == 1.0).await;
}

/// The lengths fit a record that is read at once, one that is not, and several.
const PATHS: [&str; 4] = [
    "/20/tiny",
    "/30000/small",
    "/300000/medium",
    "/900000/large",
];

#[tokio::test]
async fn a_restart_serves_from_disk() {
    let origin = bodies().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    for round in 0..2 {
        for path in PATHS {
            assert_eq!(hit(&cdn, path).await, round > 0, "{path}");
        }
    }
    for signal in [Signal::TERM, Signal::KILL, Signal::KILL] {
        until_written(&cdn, PATHS.len() as u64).await;
        cdn.node(NODE).signal(signal);
        cdn.node(NODE).wait();
        start_again(&mut cdn).await;
        // From the disk, from the disk again, then from memory.
        for _ in 0..3 {
            for path in PATHS {
                assert!(hit(&cdn, path).await, "{path} after {signal:?}");
            }
        }
    }
    for path in PATHS {
        assert_eq!(origin.count(path), 1, "{path}");
    }
}

#[tokio::test]
async fn what_is_queued_is_written_at_sigterm() {
    let origin = bodies().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    let paths: Vec<String> = (0..40).map(|n| format!("/100000/{n}")).collect();
    for path in &paths {
        assert!(!hit(&cdn, path).await);
    }
    cdn.node(NODE).signal(Signal::TERM);
    assert!(cdn.node(NODE).wait().success());
    start_again(&mut cdn).await;
    for path in &paths {
        assert!(hit(&cdn, path).await, "{path}");
    }
}

#[tokio::test]
async fn a_304_is_of_the_disk_too() {
    let origin = Origin::start(|asked: Asked| async move {
        let mut answer = fresh(body(&asked.path));
        if answer.headers()["etag"] == asked.field("if-none-match") {
            *answer.body_mut() = Bytes::new().into();
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            let stale = HeaderValue::from_static("max-age=0");
            answer.headers_mut().insert("cache-control", stale);
        }
        answer
    })
    .await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    assert!(!hit(&cdn, "/300000/a").await);
    assert!(!hit(&cdn, "/300000/a").await, "it is validated");
    until_written(&cdn, 1).await;
    cdn.node(NODE).kill();
    start_again(&mut cdn).await;
    assert!(hit(&cdn, "/300000/a").await, "its new head was not kept");
    assert_eq!(origin.asked().len(), 2);
}

#[tokio::test]
async fn more_than_fits_makes_room() {
    let origin = bodies().await;
    let cdn = Cdn::start(plan(&origin, "cache")).await;
    for n in 0..100 {
        hit(&cdn, &format!("/900000/{n}")).await;
    }
    until_told(&cdn, "all is written", |disk| disk["queued"] == 0).await;
    let disk = told(&cdn, NODE).await;
    let bytes = disk["bytes"].as_u64().unwrap();
    assert!(bytes > 16 << 20 && bytes <= 32 << 20, "{disk}");
    let files: u64 = files(&folder(&cdn, NODE)).iter().map(|(_, n)| n).sum();
    assert!(files <= 33 << 20, "{files}");
    assert!(hit(&cdn, "/900000/99").await);
    assert!(!hit(&cdn, "/900000/0").await);
}

/// Files of a folder, and their lengths.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .collect()
}

#[tokio::test]
async fn a_folder_that_vanishes_stops_nobody() {
    let origin = bodies().await;
    let cdn = Cdn::start(plan(&origin, "cache")).await;
    assert!(!hit(&cdn, "/300000/before").await);
    until_written(&cdn, 1).await;
    fs::remove_dir_all(folder(&cdn, NODE)).unwrap();
    assert!(hit(&cdn, "/300000/before").await);
    // That a purge would not survive a restart is told.
    let purge = r#"{"tag": "a"}"#;
    let purge = ask(Method::POST, cdn.admin(NODE), "localhost", "/purge").body(purge);
    let purged: Value = serde_json::from_str(purge.send().await.text()).unwrap();
    assert!(purged["warning"].is_string(), "{purged}");
    // More than a segment, so that another one has to be made.
    for n in 0..12 {
        let path = format!("/900000/{n}");
        assert!(!hit(&cdn, &path).await);
        assert!(hit(&cdn, &path).await);
    }
    wait::until("the folder is made again, and written to", || async {
        hit(&cdn, &format!("/900000/{}", fastrand::u32(..))).await;
        let segments = folder(&cdn, NODE).join("store.toml").exists();
        let disk = told(&cdn, NODE).await;
        (segments && disk["unusable"].is_null() && disk["keys"].as_u64() > Some(0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_stops_nobody() {
    let origin = bodies().await;
    // Nobody can make a folder there, whoever they are.
    let mut cdn = Cdn::start(plan(&origin, "/proc/perigee")).await;
    assert!(!hit(&cdn, "/300000/a").await);
    assert!(hit(&cdn, "/300000/a").await);
    let disk = told(&cdn, NODE).await;
    assert!(disk["unusable"].is_string(), "{disk}");
    let metrics = get(cdn.admin(NODE), "localhost", "/metrics").send().await;
    let usable = metrics
        .text()
        .lines()
        .find(|l| l.starts_with("perigee_disk_usable"));
    assert_eq!(usable, Some("perigee_disk_usable 0"));
    let said = cdn.node(NODE).stderr();
    assert!(said.contains("/proc/perigee"), "{said}");
}

#[tokio::test]
async fn an_unknown_format_is_refused() {
    let origin = bodies().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    cdn.node(NODE).signal(Signal::TERM);
    cdn.node(NODE).wait();
    let header = folder(&cdn, NODE).join("store.toml");
    let text = fs::read_to_string(&header).unwrap();
    fs::write(&header, text.replace("format = 1", "format = 999")).unwrap();
    cdn.spawn(NODE);
    assert!(!cdn.node(NODE).wait().success());
    let said = cdn.node(NODE).stderr();
    let why = "has format version 999, and this perigee knows version 1 alone: run the version that \
               wrote it, or remove the folder to begin with an empty cache";
    assert!(
        said.contains(&format!("{} {why}", header.display())),
        "{said}"
    );
    // As it says.
    fs::remove_dir_all(folder(&cdn, NODE)).unwrap();
    start_again(&mut cdn).await;
}

#[tokio::test]
async fn a_folder_serves_one_process() {
    let origin = Origin::cacheable("content").await;
    let temporary = tempfile::tempdir().unwrap();
    let disk = temporary.path().to_str().unwrap();
    let more = ["--disk", disk, "--disk-size", "16MiB"];
    let first = Proxy::start(&origin.url(), &more).await;
    let mut second = command(&["edge", "--listen", "127.0.0.1:0", "--origin", &origin.url()]);
    let (code, _, said) = finish(second.args(more));
    assert_eq!(code, 1);
    let why = "is used by another process: each node needs a folder of its own";
    assert!(said.contains(why) && said.contains(disk), "{said}");
    let answer = get(first.address, "a.test", "/").send().await;
    assert_eq!(answer.text(), "content");
}

#[tokio::test]
async fn a_file_in_the_way_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, _, said) = finish(&mut command(&[
        "edge",
        "--listen",
        "127.0.0.1:0",
        "--origin",
        "http://127.0.0.1:9",
        "--disk",
        file.to_str().unwrap(),
    ]));
    assert_eq!(code, 1);
    assert!(said.contains("is a file, and not a folder"), "{said}");
}

/// Turns one bit of the file that has this, in the middle of it.
fn damage(folder: &Path, wanted: &[u8]) {
    for (path, _) in files(folder) {
        let bytes = fs::read(&path).unwrap();
        let begin = &wanted[..wanted.len().min(32)];
        let found = bytes
            .windows(begin.len())
            .position(|window| window == begin);
        if let Some(at) = found {
            let middle = at + wanted.len() / 2;
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.write_all_at(&[bytes[middle] ^ 4], middle as u64)
                .unwrap();
            return;
        }
    }
    panic!("no file has it");
}

#[tokio::test]
async fn a_flipped_bit_is_noticed() {
    let origin = bodies().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    for path in PATHS {
        assert!(!hit(&cdn, path).await);
    }
    cdn.node(NODE).signal(Signal::TERM);
    cdn.node(NODE).wait();
    for path in PATHS {
        damage(&folder(&cdn, NODE), &body(path)[..]);
    }
    start_again(&mut cdn).await;
    for path in PATHS {
        // Found before the head, it is a miss; behind it, the bytes are fetched while it is sent, or
        // the answer is cut. Never is it another one.
        let answer = wait::until("the right body comes", || async {
            get(cdn.at(NODE), Cdn::HOST, path).try_send().await.ok()
        })
        .await;
        assert!(answer.body == body(path), "{path}: other bytes");
        assert!(origin.count(path) > 1, "{path}: not from the origin");
        wait::until("it is a hit again", || async {
            hit(&cdn, path).await.then_some(())
        })
        .await;
    }
    let metrics = get(cdn.admin(NODE), "localhost", "/metrics").send().await;
    let damaged = metrics
        .text()
        .lines()
        .find(|l| l.starts_with("perigee_disk_damaged_total"));
    let damaged: u32 = damaged.unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    assert!(damaged >= PATHS.len() as u32, "{damaged}");
}

#[tokio::test]
async fn a_whole_cdn_survives_a_restart_of_all() {
    let origin = bodies().await;
    let disk = plan(&origin, "cache").tables;
    let mut cdn = Cdn::start(Plan {
        tables: disk,
        geodns: true,
        ..Plan::small(origin.url())
    })
    .await;
    let nodes = ["fra-1", "fra-2", "shield-1"];
    let paths: Vec<String> = (0..20).map(|n| format!("/40000/{n}")).collect();
    // What comes in the moment of the start is validated after the next one.
    for node in nodes {
        wait::until("the start is past", || async {
            let floor = floor(&cdn, node)? + 2 * FLOOR_TICK;
            (SystemTime::now() > floor).then_some(())
        })
        .await;
    }
    for path in &paths {
        assert!(cdn.get("fra-1", path).await.body == body(path));
    }
    for node in nodes {
        assert!(folder(&cdn, node).is_dir());
        cdn.node(node).signal(Signal::TERM);
        assert!(cdn.node(node).wait().success());
    }
    for node in nodes {
        cdn.spawn(node);
    }
    for node in nodes {
        cdn.until_ready(node).await;
        wait::until("the disk is known", || async {
            (told(&cdn, node).await["loaded"] == 1.0).then_some(())
        })
        .await;
        // Until it has heard of purges, what it had is validated.
        wait::until("what is stored is trusted", || async {
            for path in &paths {
                is_trusted(&cdn, node, path).await.then_some(())?;
            }
            Some(())
        })
        .await;
    }
    // Who found another one not listening yet goes past it, to the origin if that is the shield.
    for (who, whom) in [("fra-1", "fra-2"), ("fra-2", "fra-1")] {
        for whom in [whom, "shield-1"] {
            wait::until(&format!("{who} uses {whom}"), || async {
                cdn.uses(who, whom).await.then_some(())
            })
            .await;
        }
    }
    for path in &paths {
        assert!(cdn.get("fra-2", path).await.body == body(path));
        assert_eq!(origin.count(path), 1, "{path}");
    }
    let (code, out, _) = cdn.perigee(&["status"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.lines().next().unwrap().contains("disk"), "{out}");
}

/// To how much a node reckons since when it has heard of all purges.
const FLOOR_TICK: Duration = Duration::from_nanos(1_000_000_000 / 16);

/// Since when that is, as the node keeps it for its next life.
fn floor(cdn: &Cdn, node: &str) -> Option<SystemTime> {
    let text = fs::read(folder(cdn, node).join("purges.followed")).ok()?;
    let kept: Value = serde_json::from_slice(&text).ok()?;
    let floor = Duration::from_millis(kept["floor"].as_u64()?);
    Some(SystemTime::UNIX_EPOCH + floor)
}

/// Whether all that a node has of a path would be served as it is.
async fn is_trusted(cdn: &Cdn, node: &str, path: &str) -> bool {
    let path = format!("/cache/entry?url=http%3A%2F%2F{}{path}", Cdn::HOST);
    let told = get(cdn.admin(node), "localhost", &path).send().await;
    let told: Value = serde_json::from_str(told.text()).unwrap();
    let entries = told["entries"].as_array().unwrap();
    let uses = entries
        .iter()
        .flat_map(|entry| entry["uses"].as_array().unwrap());
    uses.into_iter().all(|used| used["outcome"] == "hit")
}
