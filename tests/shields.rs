//! Shields in several places: which are asked, and who stands in.

use std::time::Duration;

use http::StatusCode;

use crate::harness::{
    cdn::{Cdn, Plan},
    origin::Origin,
    relay::{self, Relay},
    wait,
};

/// One edge in `fra`, shield-1 in `fra` and shield-2 in `ams`; with a line for the PoP `fra`.
async fn start(origin: &Origin, line: &str, tables: &str) -> Cdn {
    start_with(origin, line, tables, |text| text).await
}

async fn start_with(
    origin: &Origin,
    line: &str,
    tables: &str,
    edit: impl FnOnce(String) -> String,
) -> Cdn {
    let plan = Plan {
        pops: vec![("fra", 50.11, 8.68, 1), ("ams", 52.37, 4.9, 0)],
        shields: 2,
        tables: tables.to_owned(),
        ..Plan::small(origin.url())
    };
    Cdn::start_with(plan, |text| {
        let named = |name: &str, line: &str| (format!("name = \"{name}\"\n"), line.to_owned());
        let lines = [
            named("shield-1", "pop = \"fra\"\n"),
            named("shield-2", "pop = \"ams\"\n"),
            named("fra", line),
        ];
        let text = lines.iter().fold(text, |text, (name, line)| {
            assert!(text.contains(name), "{text}");
            text.replacen(name, &format!("{name}{line}"), 1)
        });
        edit(text)
    })
    .await
}

/// Which shield answered.
async fn asked(cdn: &Cdn, path: &str) -> String {
    let answer = cdn.get("fra-1", path).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let status = answer.cache_status();
    status.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_group_that_is_dead_fails_over_to_the_next_and_then_to_nobody() {
    let origin = Origin::cacheable("content").await;
    let line = "shields = [\"ams\", \"shield-1\"]\n";
    let mut cdn = start(&origin, line, "[tier]\norigin_fallback = false\n").await;
    for n in 0..10 {
        assert_eq!(asked(&cdn, &format!("/a-{n}")).await, "shield-2");
    }
    cdn.node("shield-2").kill();
    for n in 0..10 {
        assert_eq!(asked(&cdn, &format!("/b-{n}")).await, "shield-1");
    }
    cdn.node("shield-1").kill();
    let before = origin.asked().len();
    for n in 0..10 {
        let answer = cdn.get("fra-1", &format!("/c-{n}")).await;
        assert!(answer.status.is_server_error(), "{answer:?}");
    }
    assert_eq!(
        origin.asked().len(),
        before,
        "the origin is not asked by an edge"
    );

    cdn.spawn("shield-2");
    cdn.until_ready("shield-2").await;
    wait::until("the first group is asked again", || async {
        let answer = cdn.get("fra-1", "/back").await;
        answer.status.is_success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_object_has_one_shield_in_a_group_and_all_groups_are_known() {
    let origin = Origin::cacheable("content").await;
    let line = "shields = [\"fra\"]\n";
    let cdn = start(&origin, line, "").await;
    for n in 0..10 {
        assert_eq!(asked(&cdn, &format!("/only-{n}")).await, "shield-1");
    }
    // By latency, one group for all.
    let cdn = start(&origin, "", "").await;
    let first = asked(&cdn, "/near-0").await;
    for n in 1..10 {
        assert_eq!(asked(&cdn, &format!("/near-{n}")).await, first);
    }
}

#[tokio::test]
async fn the_nearest_group_is_asked_and_the_next_when_it_is_gone() {
    let origin = Origin::cacheable("content").await;
    // Who is far, or on a slow machine, is not taken for dead.
    let patient = "[tier]\nsuspect_after = \"10m\"\n[health]\ntimeout = \"10s\"\n";
    let far = |text: String| relay::reached_by_wire(&text, "shield-1");
    let mut cdn = start_with(&origin, "", patient, far).await;
    let _wire = Relay::far(cdn.at("shield-1"), Duration::from_millis(200)).await;
    wait::until("the far one is there", || async {
        cdn.uses("fra-1", "shield-1").await.then_some(())
    })
    .await;
    // By name it would be the first, and it is of the same PoP.
    let mut n = 0;
    wait::until("the near one is asked", || {
        n += 1;
        let path = format!("/near-{n}");
        let cdn = &cdn;
        async move { (asked(cdn, &path).await == "shield-2").then_some(()) }
    })
    .await;
    cdn.node("shield-2").kill();
    assert_eq!(asked(&cdn, "/gone").await, "shield-1");
}
