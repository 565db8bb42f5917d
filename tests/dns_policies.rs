//! Policies of the zone: who is sent where, what `perigee explain dns` says of it, and that a changed file
//! counts at once.

use std::time::Duration;

use perigee_geodns::query;
use serde_json::Value;

use crate::harness::{
    cdn::{Cdn, Plan},
    origin::Origin,
    process::{command, finish},
    wait,
};

const OWN: &str = "192.0.2.0/24";
const NEAR_BERLIN: &str = "198.51.100.0/24";
const ELSEWHERE: &str = "203.0.113.0/24";

/// Europe, America, Asia. The own network is to go to Asia, then to America; what is asked from near Berlin
/// must not leave Europe; all others go to America.
fn plan(origin: String) -> Plan {
    Plan {
        pops: vec![
            ("fra", 50.11, 8.68, 1),
            ("nyc", 40.71, -74.01, 1),
            ("sin", 1.35, 103.82, 1),
        ],
        shields: 0,
        geodns: true,
        service: "dns = { policy = \"test\" }".to_owned(),
        tables: format!(
            "[[dns.networks]]\nnetworks = [\"{NEAR_BERLIN}\"]\nlatitude = 52.5\nlongitude = 13.4\n\
             [[dns.policies]]\nname = \"test\"\nrules = [\n\
             {{ networks = [\"{OWN}\"], pops = [\"sin\", \"nyc\"], order = \"listed\", ttl = \"7s\" }},\n\
             {{ networks = [\"{NEAR_BERLIN}\"], pops = [\"fra\"], only = true }},\n\
             {{ pops = [\"nyc\"] }},\n]\n\
             [health]\ninterval = \"100ms\"\n[reload]\ncheck_interval = \"100ms\"\n"
        ),
        ..Plan::small(origin)
    }
}

/// The edge that a client is sent to, and the TTL.
async fn edge_for(cdn: &Cdn, client: &str) -> (String, u32) {
    let client = Some(client.parse().unwrap());
    let timeout = Duration::from_secs(5);
    let answer = query(cdn.at("ns1"), Cdn::HOST, "A", client, timeout, false);
    let answer = answer.await.unwrap();
    let [record] = answer.answers.as_slice() else {
        panic!("one address, not {answer:?}");
    };
    let all = ["fra-1", "nyc-1", "sin-1"];
    let is = |edge: &&&str| cdn.at(edge).ip().to_string() == record.data;
    ((*all.iter().find(is).unwrap()).to_owned(), record.ttl)
}

async fn until_sent(cdn: &Cdn, client: &str, edge: &str) {
    wait::until(&format!("{client} is sent to {edge}"), || async {
        (edge_for(cdn, client).await.0 == edge).then_some(())
    })
    .await;
}

/// What `perigee explain dns` says for a client, as JSON.
fn explained(cdn: &Cdn, client: &str) -> Value {
    let args = ["explain", "dns", Cdn::HOST, "--client", client, "--json"];
    let (code, out, error) = cdn.perigee(&args);
    assert_eq!(code, 0, "{out}{error}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["nodes"][0]["node"], "ns1");
    assert_eq!(report["nodes"][0]["current"], true);
    report["nodes"][0]["explanation"].clone()
}

fn order(explanation: &Value) -> Vec<&str> {
    let candidates = explanation["candidates"].as_array().unwrap().iter();
    candidates.map(|one| one["pop"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_client_is_sent_where_its_rule_says_and_along_the_chain() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(plan(origin.url())).await;
    until_sent(&cdn, OWN, "sin-1").await;
    assert_eq!(edge_for(&cdn, OWN).await.1, 7);
    until_sent(&cdn, NEAR_BERLIN, "fra-1").await;
    until_sent(&cdn, ELSEWHERE, "nyc-1").await;
    assert_eq!(edge_for(&cdn, ELSEWHERE).await.1, 20);

    let own = explained(&cdn, OWN);
    assert_eq!(order(&own), ["sin", "nyc", "fra"]);
    assert_eq!(own["policy"], "test");
    assert_eq!(own["candidates"][0]["rule"], 1);
    assert_eq!(own["candidates"][2]["rule"], Value::Null);
    let address = cdn.at("sin-1").ip().to_string();
    assert_eq!(own["a"]["addresses"], serde_json::json!([address]));
    let because = own["a"]["because"].as_str().unwrap();
    assert_eq!(because, "rule 1 of test: first of its list");
    let berlin = explained(&cdn, NEAR_BERLIN);
    assert_eq!(order(&berlin), ["fra"]);
    let distance = berlin["candidates"][0]["distance_km"].as_f64().unwrap();
    assert!((400.0..450.0).contains(&distance), "{distance}");

    cdn.node("sin-1").kill();
    until_sent(&cdn, OWN, "nyc-1").await;
    let own = explained(&cdn, OWN);
    assert_eq!(own["candidates"][0]["edges"][0]["up"], false);
    let because = own["a"]["because"].as_str().unwrap();
    assert!(
        because.contains("before it sin, which cannot serve"),
        "{because}"
    );
    // No other place is told to whom `only` holds, not even when there is nobody left.
    cdn.node("fra-1").kill();
    wait::until("Frankfurt looks down", || async {
        let berlin = explained(&cdn, NEAR_BERLIN);
        (berlin["candidates"][0]["edges"][0]["up"] == false).then_some(())
    })
    .await;
    assert_eq!(edge_for(&cdn, NEAR_BERLIN).await.0, "fra-1");
    assert_eq!(edge_for(&cdn, ELSEWHERE).await.0, "nyc-1");
}

#[tokio::test]
async fn people_read_a_text_and_a_name_server_that_is_away_is_named() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(plan(origin.url())).await;
    let explain = ["explain", "dns", Cdn::HOST, "--client", "198.51.100.7"];
    let (code, out, error) = cdn.perigee(&explain);
    assert_eq!(code, 0, "{out}{error}");
    // However wide its columns are.
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "www.cdn.test for a client in 198.51.100.7/32",
        "52.50, 13.40, by the configured network 198.51.100.0/24; the same for its /24",
        "policy test",
        "rule 2 of test: nearest, 4",
        "fra-1 (up, load 0.00)",
    ] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
    let (code, out, _) = cdn.perigee(&["explain", "dns", "www.elsewhere.test"]);
    assert_eq!(code, 0);
    assert!(out.contains("a client that withholds itself"), "{out}");
    assert!(out.contains("outside the zone: REFUSED"), "{out}");
    let (code, _, error) = cdn.perigee(&["explain", "dns", "a", "--node", "fra-1"]);
    assert_eq!(code, 1);
    assert!(error.contains("no name server"), "{error}");
    cdn.node("ns1").kill();
    let (code, out, _) = cdn.perigee(&explain);
    assert_eq!(code, 1);
    assert!(out.contains("ns1: no answer: connection refused"), "{out}");
}

#[tokio::test]
async fn a_changed_policy_counts_and_a_wrong_one_does_not() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(plan(origin.url())).await;
    until_sent(&cdn, ELSEWHERE, "nyc-1").await;
    let text = std::fs::read_to_string(cdn.file()).unwrap();
    let changed = text.replace("{ pops = [\"nyc\"] }", "{ pops = [\"sin\"] }");
    assert_ne!(text, changed);
    cdn.write(&changed);
    until_sent(&cdn, ELSEWHERE, "sin-1").await;
    // Names a PoP that is not there, and so nothing of this file counts.
    let wrong = text.replace("{ pops = [\"nyc\"] }", "{ pops = [\"nyk\"] }");
    cdn.write(&wrong);
    let (code, _, error) = finish(&mut command(&["check", cdn.file().to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(error.contains("did you mean \"nyc\"?"), "{error}");
    assert_eq!(edge_for(&cdn, ELSEWHERE).await.0, "sin-1");
    cdn.write(&text);
    until_sent(&cdn, ELSEWHERE, "nyc-1").await;
}
