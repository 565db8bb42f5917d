//! The GeoDNS answers with the nearest healthy edges.

use std::{net::SocketAddr, time::Duration};

use perigee_geodns::{QueryResponse, query};

use crate::harness::{
    cdn::{Cdn, Plan},
    origin::Origin,
    wait,
};

const NEAR_BERLIN: &str = "198.51.100.0/24";
const NEAR_BOSTON: &str = "203.0.113.0/24";

/// Europe, then America; two client networks whose place the file tells.
fn plan(origin: String) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 2), ("nyc", 40.71, -74.01, 2)],
        geodns: true,
        tables: format!(
            "[[dns.networks]]\nnetworks = [\"{NEAR_BERLIN}\"]\nlatitude = 52.5\nlongitude = 13.4\n\
             [[dns.networks]]\nnetworks = [\"{NEAR_BOSTON}\"]\nlatitude = 42.4\nlongitude = -71.1\n\
             [health]\ninterval = \"100ms\"\n"
        ),
        ..Plan::small(origin)
    }
}

async fn ask(cdn: &Cdn, name: &str, rtype: &str, client: &str) -> QueryResponse {
    let client = Some(client.parse().unwrap());
    let timeout = Duration::from_secs(5);
    query(cdn.at("ns1"), name, rtype, client, timeout, false)
        .await
        .unwrap()
}

/// The names of the edges that a client in this network is sent to, sorted.
async fn edges_for(cdn: &Cdn, client: &str) -> Vec<String> {
    let answer = ask(cdn, Cdn::HOST, "A", client).await;
    let all = ["fra-1", "fra-2", "nyc-1", "nyc-2"];
    let name = |data: &str| {
        let is = |edge: &&&str| cdn.at(edge).ip().to_string() == data;
        (*all.iter().find(is).unwrap()).to_owned()
    };
    let mut names: Vec<_> = answer.answers.iter().map(|r| name(&r.data)).collect();
    names.sort();
    names
}

async fn until_answered_with(cdn: &Cdn, client: &str, edges: &[&str]) {
    wait::until(&format!("{client} is sent to {edges:?}"), || async {
        (edges_for(cdn, client).await == edges).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_client_is_sent_to_the_nearest_pop_and_what_dies_is_left_out() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(plan(origin.url())).await;
    until_answered_with(&cdn, NEAR_BERLIN, &["fra-1", "fra-2"]).await;
    until_answered_with(&cdn, NEAR_BOSTON, &["nyc-1", "nyc-2"]).await;

    cdn.node("fra-1").kill();
    until_answered_with(&cdn, NEAR_BERLIN, &["fra-2"]).await;
    cdn.node("fra-2").kill();
    until_answered_with(&cdn, NEAR_BERLIN, &["nyc-1", "nyc-2"]).await;

    cdn.spawn("fra-1");
    until_answered_with(&cdn, NEAR_BERLIN, &["fra-1"]).await;
    until_answered_with(&cdn, NEAR_BOSTON, &["nyc-1", "nyc-2"]).await;
}

#[tokio::test]
async fn when_all_look_down_all_are_answered() {
    let origin = Origin::cacheable("content").await;
    let mut cdn = Cdn::start(plan(origin.url())).await;
    for name in ["fra-1", "nyc-1", "nyc-2"] {
        cdn.node(name).kill();
    }
    until_answered_with(&cdn, NEAR_BOSTON, &["fra-2"]).await;
    // The last one too: now it is more likely that the name server is the one cut off.
    cdn.node("fra-2").kill();
    until_answered_with(&cdn, NEAR_BOSTON, &["nyc-1", "nyc-2"]).await;
    until_answered_with(&cdn, NEAR_BERLIN, &["fra-1", "fra-2"]).await;
}

#[tokio::test]
async fn an_edge_that_drains_is_left_out_while_it_still_serves() {
    let origin = Origin::cacheable("content").await;
    let longer = |text: String| text.replace("grace = \"200ms\"", "grace = \"20s\"");
    let mut cdn = Cdn::start_with(plan(origin.url()), longer).await;
    until_answered_with(&cdn, NEAR_BERLIN, &["fra-1", "fra-2"]).await;
    cdn.node("fra-1").signal(rustix::process::Signal::TERM);
    until_answered_with(&cdn, NEAR_BERLIN, &["fra-2"]).await;
    assert_eq!(cdn.get("fra-1", "/").await.text(), "content");
}

#[tokio::test]
async fn the_zone_is_answered_with_authority() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(plan(origin.url())).await;
    let soa = ask(&cdn, "cdn.test", "SOA", NEAR_BERLIN).await;
    assert!(
        soa.authoritative && soa.answers[0].rtype == "SOA",
        "{soa:?}"
    );
    let ns = ask(&cdn, "cdn.test", "NS", NEAR_BERLIN).await;
    assert_eq!(ns.answers[0].data, "ns1.cdn.test.");

    let missing = ask(&cdn, "nothing.cdn.test", "A", NEAR_BERLIN).await;
    assert_eq!(missing.rcode, "NXDOMAIN");
    assert_eq!(missing.authority[0].rtype, "SOA");
    let no_data = ask(&cdn, Cdn::HOST, "AAAA", NEAR_BERLIN).await;
    assert_eq!(
        (no_data.rcode.as_str(), no_data.answers.len()),
        ("NOERROR", 0)
    );
    assert_eq!(no_data.authority[0].rtype, "SOA");
    let other = ask(&cdn, "www.example.com", "A", NEAR_BERLIN).await;
    assert_eq!(other.rcode, "REFUSED");

    let answer = ask(&cdn, "WWW.cdn.TEST", "A", NEAR_BERLIN).await;
    assert_eq!(answer.answers[0].name, "WWW.cdn.TEST.");
    assert_eq!((answer.answers[0].ttl, answer.scope), (20, Some(24)));
    let server: SocketAddr = cdn.at("ns1");
    let timeout = Duration::from_secs(5);
    let tcp = query(server, Cdn::HOST, "A", None, timeout, true)
        .await
        .unwrap();
    assert!(tcp.tcp && !tcp.answers.is_empty(), "{tcp:?}");
}
