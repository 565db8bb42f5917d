//! Where too many look dead, health is not believed: all are tried. Each scenario runs twice, with a
//! share that lets health be believed and with one that does not.

use std::{net::IpAddr, time::Duration};

use http::StatusCode;

use crate::harness::{
    cdn::{Cdn, OneEdge, Plan, one_edge},
    client::get,
    metrics::metric,
    origin::Origin,
    raw_origin::{RawOrigin, Then},
    wait,
};

/// Three edges of a PoP, a shield and a name server. Slow machines must not look dead.
async fn pop_of_three(origin: &Origin, panic_share: &str) -> Cdn {
    let tables = format!(
        "[health]\ninterval = \"100ms\"\ntimeout = \"5s\"\nsuspect_timeout = \"2s\"\n\
         panic_share = {panic_share}\n"
    );
    let plan = Plan {
        pops: vec![("fra", 50.11, 8.68, 3)],
        geodns: true,
        tables,
        ..Plan::small(origin.url())
    };
    // A node that drains is still there when the scenario ends.
    let patient = |text: String| {
        let text = text.replace("[dns]\n", "[dns]\nanswers = 3\n");
        text.replace("grace = \"200ms\"", "grace = \"10m\"")
    };
    Cdn::start_with(plan, patient).await
}

/// The edges that clients are told, by their addresses, sorted.
async fn addresses(cdn: &Cdn) -> Vec<IpAddr> {
    let patience = Duration::from_secs(10);
    let answer = perigee_geodns::query(cdn.at("ns1"), Cdn::HOST, "A", None, patience, false);
    let answers = answer.await.unwrap().answers;
    let mut told: Vec<_> = answers.iter().map(|a| a.data.parse().unwrap()).collect();
    told.sort_unstable();
    told
}

/// How often fra-1 tried to send something to this node, and found nobody there.
async fn found_nobody(cdn: &Cdn, node: &str) -> f64 {
    let metrics = get(cdn.admin("fra-1"), "localhost", "/metrics")
        .send()
        .await;
    let named = format!("=\"{node}\"");
    let lines = metrics.text().lines().filter(|line| {
        line.starts_with("perigee_forwarded_requests_total")
            && line.contains(&named)
            && line.contains("no-connection")
    });
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Asks fra-1 for thirty objects that nobody has; how many of them it tried to get from this node in
/// vain. None may fail.
async fn tried(cdn: &Cdn, node: &str, prefix: &str) -> f64 {
    let before = found_nobody(cdn, node).await;
    for n in 0..30 {
        let answer = cdn.get("fra-1", &format!("/{prefix}-{n}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
    }
    found_nobody(cdn, node).await - before
}

/// Waits until the name server has noticed how an edge is.
async fn until_name_server_sees(cdn: &Cdn, edge: &str, key: &str, wanted: bool) {
    wait::until(
        &format!("ns1 sees that {edge} is {key}: {wanted}"),
        || async {
            let status = get(cdn.admin("ns1"), "localhost", "/status").send().await;
            let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
            let mut edges = status["edges"].as_array().unwrap().iter();
            let told = edges.find(|told| told["node"] == edge).unwrap();
            (told[key] == wanted).then_some(())
        },
    )
    .await;
}

async fn with_one_of_three_dead(panic_share: &str, is_believed: bool) {
    let origin = Origin::cacheable("content").await;
    let mut cdn = pop_of_three(&origin, panic_share).await;
    let all = ["fra-1", "fra-2", "fra-3"].map(|name| cdn.at(name).ip());
    wait::until("all three are answered", || async {
        (addresses(&cdn).await == all).then_some(())
    })
    .await;

    cdn.node("fra-3").kill();
    wait::until("fra-1 has noticed", || async {
        (!cdn.uses("fra-1", "fra-3").await).then_some(())
    })
    .await;
    until_name_server_sees(&cdn, "fra-3", "up", false).await;
    let tried_dead = tried(&cdn, "fra-3", "one-dead").await;
    match is_believed {
        // It is known to be dead, and nobody waits for it.
        true => {
            assert_eq!(tried_dead, 0.0);
            assert_eq!(addresses(&cdn).await, all[..2]);
        }
        // It may be alive, and it is only this node that does not see it.
        false => {
            assert!(tried_dead > 0.0);
            assert_eq!(addresses(&cdn).await, all);
        }
    }
}

#[tokio::test]
async fn where_few_look_dead_they_are_left_alone() {
    with_one_of_three_dead("0.5", true).await;
}

#[tokio::test]
async fn where_too_many_look_dead_edges_and_name_server_try_all() {
    with_one_of_three_dead("0.9", false).await;
}

#[tokio::test]
async fn who_said_that_it_drains_is_left_alone_whatever_is_believed() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = pop_of_three(&origin, "0.9").await;
    let (code, _, errors) = cdn.perigee(&["drain", "fra-2", "--wait", "0s"]);
    assert_eq!(code, 0, "{errors}");
    until_name_server_sees(&cdn, "fra-2", "draining", true).await;
    wait::until("fra-1 has noticed", || async {
        (!cdn.uses("fra-1", "fra-2").await).then_some(())
    })
    .await;
    cdn.node("fra-3").kill();
    until_name_server_sees(&cdn, "fra-3", "up", false).await;
    wait::until("fra-3 is tried by fra-1 all the same", || async {
        (!cdn.uses("fra-1", "fra-3").await).then_some(())
    })
    .await;
    let all = ["fra-1", "fra-3"].map(|name| cdn.at(name).ip());
    assert_eq!(addresses(&cdn).await, all);
    assert!(tried(&cdn, "fra-3", "drain").await > 0.0);
    let asked = metric(&cdn, "fra-2", "perigee_requests_total").await;
    tried(&cdn, "fra-3", "more").await;
    let more = metric(&cdn, "fra-2", "perigee_requests_total").await;
    assert_eq!(asked, more, "fra-2 is given nothing");
}

/// Asks one edge of two origins, of which one breaks every connection; how often that one was asked
/// after it was known to be out.
async fn asked_of_the_dead(panic_share: &str) -> usize {
    let dead = RawOrigin::start(b"", Then::Close).await;
    let alive = Origin::cacheable("content").await;
    let edge: OneEdge = one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[dns]\nzone = \"cdn.test\"\n\n\
         [[services]]\nname = \"www\"\norigins = [\"{}\", \"{}\"]\n\
         [services.origin_pool]\nbreak_after = 0\nretry_after = \"1h\"\nretry_min = 1000\n\
         retry_backoff = \"1ms\"\npanic_share = {panic_share}\n",
        dead.url(),
        alive.url()
    ))
    .await;
    let ask = async |prefix: &str| {
        for n in 0..20 {
            let answer = edge.get(&format!("/{prefix}-{n}")).await;
            assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
        }
    };
    ask("before").await;
    let before = dead.requests();
    assert!(before >= 2, "{before}: it is out");
    ask("after").await;
    dead.requests() - before
}

#[tokio::test]
async fn an_origin_that_is_out_is_asked_only_where_health_is_not_believed() {
    assert_eq!(asked_of_the_dead("0.5").await, 0);
    let asked = asked_of_the_dead("0.9").await;
    assert!(asked >= 5, "{asked}: it has its turns");
}
