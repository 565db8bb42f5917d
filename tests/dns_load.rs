//! The GeoDNS follows what its edges can take: clients of a PoP with too much to do go to the next one, and
//! those of a PoP that died.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use perigee_geodns::query;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    cdn::{Cdn, Plan, second_name_server},
    client::get,
    gated::Gated,
    metrics::metric,
    origin::Origin,
    wait,
};

/// Two PoPs, and clients near the first one, of which some are a little nearer to the border.
fn plan(origin: String, tables: &str) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 2), ("ams", 52.37, 4.9, 2)],
        shields: 0,
        geodns: true,
        tables: format!(
            "[[dns.networks]]\nnetworks = [\"10.0.0.0/8\"]\nlatitude = 50.5\nlongitude = 8.0\n{tables}"
        ),
        ..Plan::small(origin)
    }
}

/// The PoP that a client in this network is sent to.
async fn pop_for(cdn: &Cdn, network: &str) -> Option<&'static str> {
    pop_by(cdn, "ns1", network).await
}

/// The same by one of the name servers.
async fn pop_by(cdn: &Cdn, server: &str, network: &str) -> Option<&'static str> {
    let (client, timeout) = (network.parse().unwrap(), Duration::from_secs(5));
    let at = cdn.at(server);
    let answer = query(at, Cdn::HOST, "A", Some(client), timeout, false).await;
    let data = &answer.ok()?.answers.first()?.data.clone();
    let edges = ["fra-1", "fra-2", "ams-1", "ams-2"];
    let edge = edges
        .iter()
        .find(|edge| cdn.at(edge).ip().to_string() == *data);
    edge.map(|edge| &edge[..3])
}

/// Those of a hundred networks that are sent to the farther PoP by this name server.
async fn who_is_away(cdn: &Cdn, server: &str) -> Vec<u8> {
    let mut away = Vec::new();
    for n in 0..100 {
        if pop_by(cdn, server, &format!("10.{n}.0.0/16")).await == Some("ams") {
            away.push(n);
        }
    }
    away
}

async fn away(cdn: &Cdn) -> usize {
    who_is_away(cdn, "ns1").await.len()
}

/// What the name server says of a PoP.
async fn told(cdn: &Cdn, pop: &str) -> Value {
    let answer = get(cdn.admin("ns1"), "localhost", "/status").send().await;
    let status: Value = serde_json::from_slice(&answer.body).unwrap();
    let pops = status["pops"].as_array().cloned().unwrap_or_default();
    pops.into_iter().find(|told| told["pop"] == pop).unwrap()
}

#[tokio::test]
async fn clients_of_a_pop_with_too_much_to_do_spill_over_and_come_home() {
    let gated = Gated::start(|_, _| Response::new(Full::new(Bytes::from("content")))).await;
    // All moves fast, since the TTL is short.
    let tables =
        "[dns.load]\nepoch = \"100ms\"\nrise = 1\nfall = 1\n[health]\ninterval = \"100ms\"\n";
    let mut plan = plan(gated.origin.url(), tables);
    plan.service = "dns.ttl = \"1s\"\n".to_owned();
    let small = |text: String| {
        let text = second_name_server(&text);
        text.replace("pop = \"fra\"\n", "pop = \"fra\"\ncapacity = 4\n")
    };
    let mut cdn = Cdn::start_with(plan, small).await;
    assert_eq!(away(&cdn).await, 0);

    let mut crowd = tokio::task::JoinSet::new();
    for n in 0..16 {
        for edge in ["fra-1", "fra-2"] {
            let at = cdn.at(edge);
            crowd
                .spawn(async move { get(at, Cdn::HOST, &format!("/{edge}/{n}")).try_send().await });
        }
    }
    let some = wait::until("some are sent elsewhere", || async {
        let away = away(&cdn).await;
        (away > 0).then_some(away)
    })
    .await;
    eprintln!("at first {some} of 100 networks go to the next PoP");
    wait::until("most are sent elsewhere, as it stays full", || async {
        (away(&cdn).await >= 70).then_some(())
    })
    .await;
    // Another name server, which has seen nothing of how this came, sends the very same ones there.
    cdn.spawn("ns2");
    cdn.until_ready("ns2").await;
    let same = wait::until(
        "both name servers send the same clients elsewhere",
        || async {
            let (one, other) = (
                who_is_away(&cdn, "ns1").await,
                who_is_away(&cdn, "ns2").await,
            );
            (one == other && one.len() >= 70).then_some(one.len())
        },
    )
    .await;
    eprintln!("both name servers send the same {same} there");
    let fra = told(&cdn, "fra").await;
    assert!(fra["spill"].as_f64().unwrap() > 0.5, "{fra}");
    let share = |pop: &str| format!("perigee_dns_spill{{pop=\"{pop}\"}}");
    assert!(metric(&cdn, "ns1", &share("fra")).await > 0.5);
    assert_eq!(metric(&cdn, "ns1", &share("ams")).await, 0.0);
    assert!(
        fra["why"].as_str().unwrap().contains("too much to do"),
        "{fra}"
    );
    assert!(fra["load"].as_f64().unwrap() > 0.95, "{fra}");
    let (_, shown, _) = cdn.perigee(&["status"]);
    assert!(shown.contains("too much to do"), "{shown}");

    gated.let_out(1_000);
    while crowd.join_next().await.is_some() {}
    wait::until("nothing is given away any more", || async {
        (told(&cdn, "fra").await["spill"] == 0.0).then_some(())
    })
    .await;
    assert_eq!(away(&cdn).await, 0, "all are home again");
}

/// With `[health]` as it is by default. How long it takes is told, not judged: the machine may be busy.
#[tokio::test]
async fn answers_avoid_a_pop_that_died_whole() {
    let origin = Origin::cacheable("content").await;
    for signal in [Signal::KILL, Signal::STOP] {
        let mut cdn = Cdn::start(plan(origin.url(), "")).await;
        wait::until("clients are at home", || async {
            (pop_for(&cdn, "10.1.0.0/16").await == Some("fra")).then_some(())
        })
        .await;
        for edge in ["fra-1", "fra-2"] {
            cdn.node(edge).signal(signal);
        }
        let died = Instant::now();
        wait::until("answers avoid it", || async {
            (pop_for(&cdn, "10.1.0.0/16").await == Some("ams")).then_some(())
        })
        .await;
        let took = died.elapsed().as_secs_f64();
        eprintln!("{signal:?} to all edges of a PoP: answers avoid it after {took:.2} s");
        let fra = told(&cdn, "fra").await;
        assert_eq!(
            (&fra["usable"], &fra["edges"]),
            (&0.into(), &2.into()),
            "{fra}"
        );
        // So that they can be ended.
        for edge in ["fra-1", "fra-2"] {
            cdn.node(edge).signal(Signal::CONT);
        }
    }
}

/// The file is moved away and opened anew; of clients no more is told than their networks.
#[tokio::test]
async fn queries_are_written_down() {
    let origin = Origin::cacheable("content").await;
    let log = "[dns.query_log]\ntarget = \"queries.log\"\nprefix = 20\n";
    let mut cdn = Cdn::start(plan(origin.url(), log)).await;
    let path = cdn.file().with_file_name("queries.log");
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(pop_for(&cdn, "10.1.255.0/24").await, Some("fra"));
    let line = wait::until("the query is written down", || async {
        let text = lines();
        text.ends_with('\n')
            .then(|| serde_json::from_str::<Value>(&text).unwrap())
    })
    .await;
    let told = [
        ("client", "10.1.240.0/20".into()),
        ("name", "www.cdn.test.".into()),
        ("type", 1.into()),
        ("rcode", "NOERROR".into()),
        ("pop", "fra".into()),
        ("transport", "udp".into()),
        ("node", Value::from("ns1")),
    ];
    for (key, value) in told {
        assert_eq!(line[key], value, "{line}");
    }
    assert!(line["source"].as_str().unwrap().ends_with("/20"), "{line}");

    std::fs::rename(&path, path.with_file_name("moved")).unwrap();
    cdn.node("ns1").signal(Signal::HUP);
    wait::until("there is a new file", || async {
        path.exists().then_some(())
    })
    .await;
    pop_for(&cdn, "10.2.0.0/16").await;
    wait::until("the new file is written", || async {
        lines().contains("10.2.0.0/16").then_some(())
    })
    .await;
}
