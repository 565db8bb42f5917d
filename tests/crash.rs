//! An edge with a disk is killed at any moment, and started again: never a wrong byte, and never
//! one that was purged.
//!
//! `PERIGEE_CRASHES=1000 cargo test -p perigee --test scenarios crash` takes longer, and finds more.

#[path = "crash/objects.rs"]
mod objects;

use std::{net::SocketAddr, time::Duration};

use http::{Method, StatusCode};
use tokio::task::JoinSet;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    wait,
};
use objects::{OBJECTS, Objects, length, path, tag};

/// How often it is killed, unless the environment says otherwise.
const CRASHES: usize = 50;

/// Clients at once.
const CLIENTS: usize = 4;

/// Small enough that memory forgets, segments fill up, and the oldest of them go.
const STORAGE: &str = "[storage]\nmemory = \"4MiB\"\n\n\
    [storage.disk]\npath = \"store\"\nsize = \"48MiB\"\nsegment = \"4MiB\"\n";

/// What came of the whole.
#[derive(Debug, Default)]
struct Found {
    checked: usize,
    kept: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_crash_brings_a_wrong_byte_or_a_purged_one() {
    let crashes = std::env::var("PERIGEE_CRASHES").ok();
    let crashes = crashes.map_or(CRASHES, |crashes| crashes.parse().unwrap());
    let objects = Objects::new();
    let origin = objects.origin().await;
    let mut cdn = Cdn::start(Plan {
        pops: vec![("fra", 50.11, 8.68, 1)],
        shields: 0,
        tables: STORAGE.to_owned(),
        ..Plan::small(origin.url())
    })
    .await;
    let mut found = Found::default();
    for crash in 1..=crashes {
        under_load(&mut cdn, &objects).await;
        cdn.spawn("fra-1");
        cdn.until_ready("fra-1").await;
        until_loaded(cdn.admin("fra-1")).await;
        check_all(&cdn, &objects, &mut found).await;
        origin.forget();
        if crash % 100 == 0 {
            eprintln!("{crash} crashes: {found:?}");
        }
    }
    eprintln!("{crashes} crashes: {found:?}");
    // Of what is on disk, a crash costs what was on its way there and no more.
    assert!(found.kept * 4 > found.checked, "{found:?}");
}

/// Load, changes at the origin and purges; and an end to it at some moment.
async fn under_load(cdn: &mut Cdn, objects: &Objects) {
    let (address, admin) = (cdn.at("fra-1"), cdn.admin("fra-1"));
    let mut load = JoinSet::new();
    for _ in 0..CLIENTS {
        let objects = objects.clone();
        load.spawn(async move {
            loop {
                visit(address, &objects).await;
            }
        });
    }
    let changed = objects.clone();
    load.spawn(async move {
        loop {
            change_and_purge(admin, &changed).await;
        }
    });
    let moment = Duration::from_millis(fastrand::u64(30..500));
    tokio::select! {
        // The moment of the crash is what is random here.
        () = tokio::time::sleep(moment) => {}
        Some(ended) = load.join_next() => ended.unwrap(),
    }
    cdn.node("fra-1").kill();
    load.abort_all();
    while let Some(ended) = load.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// One request, for the whole or for a range. It may fail, for the node may be gone.
async fn visit(address: SocketAddr, objects: &Objects) {
    // Some are asked for more often than others.
    let object = fastrand::usize(..OBJECTS).min(fastrand::usize(..OBJECTS));
    let valid_from = objects.valid_from(object);
    let mut request = get(address, Cdn::HOST, &path(object));
    let length = length(object);
    if length > 1000 && fastrand::u8(..5) == 0 {
        let first = fastrand::u64(..length);
        let last = first + fastrand::u64(..100_000);
        request = request.with("range", &format!("bytes={first}-{last}"));
    }
    match request.try_send().await {
        Ok(answer) => objects.check(object, valid_from, &answer),
        // Do not spin on a node that is gone.
        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
    }
}

/// New content at the origin, and a purge of the old. What was acknowledged, holds.
async fn change_and_purge(admin: SocketAddr, objects: &Objects) {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..300))).await;
    let (object, tagged) = (fastrand::usize(..OBJECTS), fastrand::usize(..10));
    let by_tag = fastrand::u8(..12) == 0;
    let body = if by_tag {
        objects.change(tagged);
        format!("{{\"tag\": \"{}\"}}", tag(tagged))
    } else {
        objects.change_one(object);
        format!("{{\"url\": \"http://{}{}\"}}", Cdn::HOST, path(object))
    };
    let purge = ask(Method::POST, admin, "localhost", "/purge").body(body);
    let Ok(answer) = purge.try_send().await else {
        return;
    };
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    if by_tag {
        objects.purged(tagged);
    } else {
        objects.purged_one(object);
    }
}

/// Waits until all that is on the disk is known again.
async fn until_loaded(admin: SocketAddr) {
    wait::until("the disk is loaded", || async move {
        let metrics = get(admin, "localhost", "/metrics").send().await;
        let ratio = "perigee_disk_index_loaded_ratio ";
        let mut lines = metrics.text().lines();
        let loaded = lines.find_map(|line| line.strip_prefix(ratio))?;
        (loaded.parse() == Ok(1.0)).then_some(())
    })
    .await;
}

/// Asks for every object without letting the node ask the origin.
async fn check_all(cdn: &Cdn, objects: &Objects, found: &mut Found) {
    let address = cdn.at("fra-1");
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let objects = objects.clone();
        clients.spawn(async move {
            let mut kept = 0;
            for object in (client..OBJECTS).step_by(CLIENTS) {
                let answer = get(address, Cdn::HOST, &path(object))
                    .with("cache-control", "only-if-cached")
                    .send()
                    .await;
                if answer.status != StatusCode::GATEWAY_TIMEOUT {
                    objects.check(object, objects.valid_from(object), &answer);
                    kept += 1;
                }
            }
            kept
        });
    }
    while let Some(kept) = clients.join_next().await {
        found.kept += kept.unwrap();
    }
    found.checked += OBJECTS;
}
