//! A node dies, freezes or is cut off while clients ask the others without a pause, and comes back:
//! none of their requests fails, and the origin is asked again for no more than the node had.

use std::{collections::HashSet, time::Instant};

use http::{Method, StatusCode};
use rustix::process::Signal;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    load::{self, Choice, Load, counts, path},
    origin::{Asked, Origin},
    relay::{self, Relay},
    wait,
};

/// Slow machines answer probes late, and must not look dead for it.
const HEALTH: &str = "[health]\ntimeout = \"5s\"\nsuspect_timeout = \"2s\"\nslow_start = \"0s\"\n";

/// Nobody keeps copies of what another edge owns, and who was away for long uses what it has: who is
/// asked, and how often, can then be told.
const COUNTED: &str = "[ring]\nhot_after = 0\n[purge]\nout_of_touch = \"1h\"\n";

const OBJECTS: u64 = 90;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Killed,
    Stopped,
    CutOff,
}

async fn until_all_use(cdn: &Cdn, who: &[&str], whom: &str, wanted: bool) {
    for who in who {
        wait::until(&format!("{who} uses {whom}: {wanted}"), || async {
            (cdn.uses(who, whom).await == wanted).then_some(())
        })
        .await;
    }
}

/// Three edges of a PoP. The others reach fra-3 through a wire.
async fn pop_of_three(origin: &Origin, shields: u8) -> (Cdn, Relay) {
    let plan = Plan {
        pops: vec![("fra", 50.0, 8.0, 3)],
        shields,
        tables: format!("{HEALTH}{COUNTED}"),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start_with(plan, |text| relay::reached_by_wire(&text, "fra-3")).await;
    let relay = Relay::before(cdn.at("fra-3")).await;
    until_all_use(&cdn, &["fra-1", "fra-2"], "fra-3", true).await;
    (cdn, relay)
}

/// Asks for all objects once; which of them fra-3 has.
async fn fill(cdn: &Cdn) -> HashSet<String> {
    let mut owned = HashSet::new();
    for object in 0..OBJECTS {
        let answer = cdn.get("fra-1", &path(object)).await;
        assert_eq!(load::fault(object, &answer), None);
        if answer.cache_status().contains("peer fra-3") {
            owned.insert(path(object));
        }
    }
    assert!(owned.len() > 5, "{owned:?}");
    owned
}

async fn others_notice_nothing(trouble: Trouble) {
    let origin = load::origin().await;
    let (mut cdn, wire) = pop_of_three(&origin, 0).await;
    let owned = fill(&cdn).await;
    origin.forget();
    let others = ["fra-1", "fra-2"];
    let load = Load::start(&cdn, &others, 4, Choice::OneOf(OBJECTS));
    load.until_more(200).await;
    assert_eq!(counts(&origin).len(), 0, "all of it was there");

    let began = Instant::now();
    match trouble {
        Trouble::Killed => cdn.node("fra-3").kill(),
        Trouble::Stopped => cdn.node("fra-3").signal(Signal::STOP),
        Trouble::CutOff => wire.cut(true),
    }
    until_all_use(&cdn, &others, "fra-3", false).await;
    eprintln!("{trouble:?}: known to both after {:?}", began.elapsed());
    load.until_more(1_000).await;
    assert_eq!(load.wrong(), [""; 0]);
    // What it had is fetched again, once by the next owner of each, and nothing else is.
    let again = counts(&origin);
    assert!(!again.is_empty());
    for (path, times) in &again {
        assert!(owned.contains(path) && *times == 1, "{path}: {times} times");
    }

    match trouble {
        Trouble::Killed => cdn.spawn("fra-3"),
        Trouble::Stopped => cdn.node("fra-3").signal(Signal::CONT),
        Trouble::CutOff => wire.cut(false),
    }
    until_all_use(&cdn, &others, "fra-3", true).await;
    load.until_more(500).await;
    wait::until("it is given work again", || async {
        for object in (0..OBJECTS).filter(|object| owned.contains(&path(*object))) {
            let answer = cdn.get("fra-1", &path(object)).await;
            assert_eq!(load::fault(object, &answer), None);
            if answer.cache_status().contains("peer fra-3") {
                return Some(());
            }
        }
        None
    })
    .await;
    assert_eq!(load.wrong(), [""; 0]);
    // Who was only away still has it all; who was killed has lost it.
    let most = 1 + usize::from(trouble == Trouble::Killed);
    for (path, times) in counts(&origin) {
        assert!(
            owned.contains(&path) && times <= most,
            "{path}: {times} times"
        );
    }
}

#[tokio::test]
async fn an_edge_is_killed_and_started_again() {
    others_notice_nothing(Trouble::Killed).await;
}

#[tokio::test]
async fn an_edge_freezes_and_goes_on() {
    others_notice_nothing(Trouble::Stopped).await;
}

#[tokio::test]
async fn an_edge_is_cut_off_and_reached_again() {
    others_notice_nothing(Trouble::CutOff).await;
}

/// What the dead edge had is in the shield, so that the origin hears nothing of its death.
#[tokio::test]
async fn behind_a_shield_the_origin_is_not_asked_again() {
    let origin = load::origin().await;
    let (mut cdn, _wire) = pop_of_three(&origin, 1).await;
    fill(&cdn).await;
    origin.forget();
    let others = ["fra-1", "fra-2"];
    let load = Load::start(&cdn, &others, 4, Choice::OneOf(OBJECTS));
    load.until_more(100).await;
    cdn.node("fra-3").kill();
    until_all_use(&cdn, &others, "fra-3", false).await;
    load.until_more(500).await;
    cdn.spawn("fra-3");
    until_all_use(&cdn, &others, "fra-3", true).await;
    load.until_more(500).await;
    assert_eq!(load.wrong(), [""; 0]);
    assert_eq!(counts(&origin).len(), 0);
}

/// What a shield had is asked of the other one when it dies: the origin is asked again for that,
/// once each, and for nothing else.
#[tokio::test]
async fn when_a_shield_dies_the_origin_sees_its_share_again() {
    let origin = load::origin().await;
    let plan = Plan {
        pops: vec![("fra", 50.0, 8.0, 1), ("nyc", 40.0, -74.0, 1)],
        shields: 2,
        tables: HEALTH.to_owned(),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let mut had = HashSet::new();
    for object in 0..OBJECTS {
        let answer = cdn.get("fra-1", &path(object)).await;
        assert_eq!(load::fault(object, &answer), None);
        if answer.cache_status().starts_with("shield-1;") {
            had.insert(path(object));
        }
    }
    assert!(had.len() > 5, "{had:?}");
    origin.forget();
    cdn.node("shield-1").kill();
    // The other PoP has nothing yet.
    for object in 0..OBJECTS {
        let answer = cdn.get("nyc-1", &path(object)).await;
        assert_eq!(load::fault(object, &answer), None);
    }
    let again = counts(&origin);
    assert!(again.keys().all(|path| had.contains(path)), "{again:?}");
    assert_eq!(again.len(), had.len());
    assert!(again.values().all(|times| *times == 1), "{again:?}");
}

/// Everything is new, so that every request goes to a shield.
async fn edges_notice_nothing_of_a_shield(trouble: Trouble) {
    let origin = load::origin().await;
    let plan = Plan {
        pops: vec![("fra", 50.0, 8.0, 1), ("nyc", 40.0, -74.0, 1)],
        shields: 2,
        tables: HEALTH.to_owned(),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let edges = ["fra-1", "nyc-1"];
    let load = Load::start(&cdn, &edges, 4, Choice::New(0));
    load.until_more(100).await;
    match trouble {
        Trouble::Killed => cdn.node("shield-1").kill(),
        _ => cdn.node("shield-1").signal(Signal::STOP),
    }
    until_all_use(&cdn, &edges, "shield-1", false).await;
    load.until_more(200).await;
    match trouble {
        Trouble::Killed => cdn.spawn("shield-1"),
        _ => cdn.node("shield-1").signal(Signal::CONT),
    }
    until_all_use(&cdn, &edges, "shield-1", true).await;
    load.until_more(100).await;
    assert_eq!(load.wrong(), [""; 0]);
    // Asked for twice is only what was on its way through the shield: one for each client.
    let counts = counts(&origin);
    let twice = counts.values().filter(|times| **times > 1).count();
    assert!(
        twice <= 16 && counts.values().all(|times| *times <= 2),
        "{twice}"
    );
}

#[tokio::test]
async fn a_shield_is_killed_and_started_again() {
    edges_notice_nothing_of_a_shield(Trouble::Killed).await;
}

#[tokio::test]
async fn a_shield_freezes_and_goes_on() {
    edges_notice_nothing_of_a_shield(Trouble::Stopped).await;
}

#[tokio::test]
async fn without_a_budget_nothing_is_sent_twice() {
    let origin = load::origin().await;
    let plan = Plan {
        // What a node had that is known to be down goes to others freely: one failure does not tell.
        tables: "[tier]\nretry_share = 0\nretry_min = 0\n[health]\nfall = 10\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let owned = first_owned(&cdn, "fra-2").await;
    cdn.node("fra-2").kill();
    let answer = cdn.get("fra-1", &owned).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    until_all_use(&cdn, &["fra-1"], "fra-2", false).await;
    // What goes to another from the outset is no retry.
    assert_eq!(cdn.get("fra-1", &owned).await.status, StatusCode::OK);
}

#[tokio::test]
async fn all_that_wait_for_a_node_that_freezes_go_to_another() {
    let origin = load::origin().await;
    let plan = Plan {
        tables: HEALTH.to_owned(),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    cdn.node("fra-2").signal(Signal::STOP);
    // About half of them are that node's: more than the budget of retries has.
    let paths = (0..600).map(path);
    let asked = paths.map(|path| tokio::spawn(get(cdn.at("fra-1"), Cdn::HOST, &path).send()));
    let asked: Vec<_> = asked.collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    cdn.node("fra-2").signal(Signal::CONT);
}

#[tokio::test]
async fn what_may_not_be_repeated_waits_for_the_node_that_has_it() {
    let origin = load::origin().await;
    let mut cdn = Cdn::start(Plan::small(origin.url())).await;
    let owned = first_owned(&cdn, "fra-2").await;
    origin.forget();
    cdn.node("fra-2").signal(Signal::STOP);
    let posted = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, &owned).body("once");
    let posted = tokio::spawn(posted.send());
    until_all_use(&cdn, &["fra-1"], "fra-2", false).await;
    // A GET of the same goes to another by now.
    assert_eq!(cdn.get("fra-1", &owned).await.status, StatusCode::OK);
    let is_post = |asked: &&Asked| asked.method == Method::POST;
    assert_eq!(origin.asked().iter().filter(is_post).count(), 0);
    cdn.node("fra-2").signal(Signal::CONT);
    assert_eq!(posted.await.unwrap().status, StatusCode::OK);
    assert_eq!(origin.asked().iter().filter(is_post).count(), 1);
}

/// An object that this edge has, and fra-1 has not.
async fn first_owned(cdn: &Cdn, owner: &str) -> String {
    for object in 0..200 {
        let answer = cdn.get("fra-1", &path(object)).await;
        if answer.cache_status().contains(&format!("peer {owner}")) {
            return path(object);
        }
    }
    panic!("{owner} owns none of 200 objects");
}
