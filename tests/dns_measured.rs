//! What edges measure of their clients' connections, and name servers answer by.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};

use perigee_cluster::{AUTH_FIELD, LATENCIES_PATH, Proof, Trust};
use perigee_geodns::query;
use serde_json::Value;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::get,
    origin::Origin,
    wait,
};

const SECRET: &[u8] = b"a secret of the scenarios, 32 b";

/// Clients, each of a network of its own. None of them is where tests have their nodes.
const MEASURED: [u8; 4] = [127, 250, 1, 7];
const SELDOM: [u8; 4] = [127, 250, 2, 7];
const NODE: [u8; 4] = [127, 250, 3, 7];

/// All clients are said to be near Berlin: by distance they are guessed to be 8 ms from Frankfurt and 200
/// from Singapore. In truth they are on this machine, and any PoP is nearer than that.
fn plan(origin: String, measure: &str) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 1), ("sin", 1.35, 103.82, 2)],
        shields: 0,
        geodns: true,
        service: "dns = { policy = \"test\" }".to_owned(),
        tables: format!(
            "[dns.measure]\ninterval = \"200ms\"\n{measure}\n\
             [[dns.networks]]\nnetworks = [\"127.250.0.0/16\"]\nlatitude = 52.5\nlongitude = 13.4\n\
             [[dns.policies]]\nname = \"test\"\nrules = [{{ order = \"latency\" }}]\n\
             [health]\ninterval = \"100ms\"\n"
        ),
        ..Plan::small(origin)
    }
}

/// The file with a second name server.
fn two_name_servers(text: String) -> String {
    let at = text.find("[[geodns]]").unwrap();
    let (before, block) = text.split_at(at);
    let (block, behind) = block.split_at(block.find("\n\n").unwrap() + 2);
    let second = block.replace("ns1", "ns2").replace(".200:", ".201:");
    format!("{before}{block}{second}{behind}")
}

/// The PoP that a client is sent to, and the scope.
async fn pop_for(cdn: &Cdn, server: &str, client: [u8; 4]) -> (String, Option<u8>) {
    let client = Some(format!("{}/32", IpAddr::from(client)).parse().unwrap());
    let timeout = Duration::from_secs(5);
    let answer = query(cdn.at(server), Cdn::HOST, "A", client, timeout, false);
    let answer = answer.await.unwrap();
    let address = &answer.answers.first().unwrap().data;
    let all = ["fra-1", "sin-1", "sin-2"];
    let edge = all
        .iter()
        .find(|edge| cdn.at(edge).ip().to_string() == *address);
    (edge.unwrap()[..3].to_owned(), answer.scope)
}

/// So many connections with a request each, one after the other.
async fn connections(cdn: &Cdn, edge: &str, client: [u8; 4], count: usize) {
    for _ in 0..count {
        let ask = get(cdn.at(edge), Cdn::HOST, "/").from(client.into());
        assert_eq!(ask.send().await.status, 200);
    }
}

/// What an edge tells of its clients, asked by a node at [`NODE`].
async fn told(edge: SocketAddr) -> Value {
    let host = edge.to_string();
    let proof = Proof {
        method: "GET",
        host: &host,
        target: LATENCIES_PATH,
        markers: "",
    };
    let trust = Trust::by_secret(SECRET, "fra-1").unwrap();
    let proof = trust.sign(&proof, SystemTime::now());
    let ask = get(edge, &host, LATENCIES_PATH).from(NODE.into());
    let answer = ask.with(AUTH_FIELD.as_str(), &proof).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

fn networks(told: &Value) -> Vec<&str> {
    let prefixes = told["prefixes"].as_array().unwrap().iter();
    prefixes.map(|one| one[0].as_str().unwrap()).collect()
}

/// What `perigee explain dns` says for a client.
fn explained(cdn: &Cdn, client: [u8; 4]) -> Value {
    let client = IpAddr::from(client).to_string();
    let args = ["explain", "dns", Cdn::HOST, "--client", &client, "--json"];
    let (_, out, error) = cdn.perigee(&args);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    report["nodes"][0]["explanation"].clone()
}

#[tokio::test]
async fn clients_are_sent_to_the_pop_that_has_measured_them_to_be_near() {
    let origin = Origin::cacheable("content").await;
    let plan = plan(origin.url(), "private = true");
    let mut cdn = Cdn::start_with(plan, two_name_servers).await;
    cdn.spawn("ns2");
    cdn.until_ready("ns2").await;
    for server in ["ns1", "ns2"] {
        wait::until("the distance decides", || async {
            (pop_for(&cdn, server, MEASURED).await.0 == "fra").then_some(())
        })
        .await;
    }

    // Three connections are enough; two are not.
    connections(&cdn, "sin-1", MEASURED, 3).await;
    connections(&cdn, "sin-1", SELDOM, 2).await;
    for server in ["ns1", "ns2"] {
        wait::until(&format!("{server} has heard of it"), || async {
            (pop_for(&cdn, server, MEASURED).await == ("sin".to_owned(), Some(24))).then_some(())
        })
        .await;
        assert_eq!(pop_for(&cdn, server, SELDOM).await.0, "fra");
    }

    // Only by its network, and only clients: not nodes, though they connect as often.
    let edge = cdn.at("sin-1");
    for _ in 0..5 {
        let told = told(edge).await;
        assert_eq!(told["node"], "sin-1");
        assert_eq!(networks(&told), ["127.250.1.0/24"]);
        let ms = told["prefixes"][0][1].as_f64().unwrap();
        assert!((0.0..5_000.0).contains(&ms), "{ms}");
    }
    assert_eq!(networks(&told(cdn.at("sin-2")).await), [""; 0]);
    // And not to everybody.
    let stranger = get(edge, Cdn::HOST, LATENCIES_PATH).send().await;
    assert_eq!(stranger.text(), "content");

    let explanation = explained(&cdn, MEASURED);
    let [first, second] = explanation["candidates"].as_array().unwrap().as_slice() else {
        panic!("{explanation}");
    };
    assert_eq!(
        (&first["pop"], &first["latency_from"]),
        (&"sin".into(), &"measured".into())
    );
    assert_eq!(
        (&second["pop"], &second["latency_from"]),
        (&"fra".into(), &"distance".into())
    );
    let because = explanation["a"]["because"].as_str().unwrap();
    assert!(because.ends_with("ms, measured by its edges"), "{because}");
    let client = IpAddr::from(MEASURED).to_string();
    let (_, text, _) = cdn.perigee(&["explain", "dns", Cdn::HOST, "--client", &client]);
    assert!(text.contains("to 1 PoPs measured by edges"), "{text}");
    assert!(text.contains(" measured "), "{text}");

    // What it has told outlives the edge, as long as others of its PoP can serve.
    cdn.node("sin-1").kill();
    wait::until("the other edge serves", || async {
        let explanation = explained(&cdn, MEASURED);
        (explanation["candidates"][0]["edges"][0]["up"] == false).then_some(())
    })
    .await;
    assert_eq!(pop_for(&cdn, "ns1", MEASURED).await.0, "sin");
}

#[tokio::test]
async fn what_is_near_by_nature_is_not_measured_unless_that_is_wanted() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(plan(origin.url(), "connections = 1")).await;
    connections(&cdn, "sin-1", MEASURED, 5).await;
    assert_eq!(networks(&told(cdn.at("sin-1")).await), [""; 0]);
    // A reload begins to measure.
    let text = std::fs::read_to_string(cdn.file()).unwrap();
    cdn.write(&text.replace("connections = 1", "connections = 1\nprivate = true"));
    wait::until("the edge measures", || async {
        connections(&cdn, "sin-1", MEASURED, 1).await;
        (networks(&told(cdn.at("sin-1")).await) == ["127.250.1.0/24"]).then_some(())
    })
    .await;
    wait::until("the name server goes by it", || async {
        (pop_for(&cdn, "ns1", MEASURED).await.0 == "sin").then_some(())
    })
    .await;
}
