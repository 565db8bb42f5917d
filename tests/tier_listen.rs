//! Addresses for nodes alone: no client can speak as a node, though it had the secret.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use perigee_cluster::{AUTH_FIELD, Markers, Proof, READY_PATH, Role, Trust, VIA_FIELD, stamp};

use crate::harness::{
    cdn::{Cdn, Plan, tier_listen},
    client::{Answer, get},
    origin::{Origin, fresh},
};

const SECRET: &[u8] = b"a secret of the scenarios, 32 b";

/// The file, with addresses for nodes and requests logged as they are told.
fn file(text: String) -> String {
    tier_listen(&text)
}

fn node(name: &str) -> Arc<Trust> {
    Trust::by_secret(SECRET, name).unwrap()
}

/// A request of a client of 192.0.2.7, sent on by a node.
async fn sent_on(trust: &Trust, to: SocketAddr, path: &str) -> Answer {
    let markers = Markers {
        from: Role::Edge,
        https: true,
        client: [192, 0, 2, 7].into(),
    };
    let fields = stamp(trust, &markers, "GET", Cdn::HOST, path, SystemTime::now());
    let mut ask = get(to, Cdn::HOST, path);
    for (name, value) in fields {
        ask = ask.with(name.as_str(), value.to_str().unwrap());
    }
    ask.send().await
}

/// A probe, as nodes send it.
async fn probe(trust: &Trust, to: SocketAddr) -> Answer {
    let host = to.to_string();
    let proof = Proof {
        method: "GET",
        host: &host,
        target: READY_PATH,
        markers: "",
    };
    let proof = trust.sign(&proof, SystemTime::now());
    let ask = get(to, &host, READY_PATH).with(AUTH_FIELD.as_str(), &proof);
    ask.send().await
}

#[tokio::test]
async fn nodes_are_believed_at_their_own_addresses_and_nowhere_else() {
    let origin = Origin::start(|_| async { fresh("content") }).await;
    let cdn = Cdn::start_with(Plan::small(origin.url()), file).await;
    let fra = node("fra-1");
    for name in ["fra-1", "fra-2", "shield-1"] {
        let (clients, nodes) = (cdn.at(name), cdn.tier_at(name));
        let path = format!("/by-a-node-{name}");
        let answer = sent_on(&fra, nodes, &path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "content"));
        let answer = probe(&fra, nodes).await;
        assert!(answer.text().contains(name), "{}", answer.text());

        // The same where clients are served: the secret alone does not make a node.
        for answer in [
            sent_on(&fra, clients, &path).await,
            probe(&fra, clients).await,
        ] {
            assert_eq!(answer.status, 403, "{name}: {}", answer.text());
        }
        // Markers without a proof are a claim, too.
        let forged = get(clients, Cdn::HOST, "/").with(
            VIA_FIELD.as_str(),
            "from=edge;scheme=https;client=192.0.2.7",
        );
        assert_eq!(forged.send().await.status, 403, "{name}");
        // And who is no node has no business there.
        let plain = get(nodes, Cdn::HOST, "/").send().await;
        assert_eq!(plain.status, 403, "{name}: {}", plain.text());
        let other = Trust::by_secret(b"not the secret of the scenarios", "fra-1").unwrap();
        assert_eq!(sent_on(&other, nodes, "/").await.status, 403, "{name}");
        assert_eq!(probe(&other, nodes).await.status, 403, "{name}");
    }
    let asked = origin.asked();
    let told = |wanted: &str| {
        asked
            .iter()
            .any(|a| a.field("x-forwarded-for").contains(wanted))
    };
    assert!(told("192.0.2.7"), "what nodes say is believed: {asked:?}");
}

#[tokio::test]
async fn the_tiers_work_by_them() {
    let origin = Origin::start(|_| async { fresh("content") }).await;
    let mut plan = Plan::small(origin.url());
    plan.geodns = true;
    let cdn = Cdn::start_with(plan, file).await;
    // By the one that owns it, and by the one that asks its peer, and both of the shield.
    for name in ["fra-1", "fra-2", "fra-1", "fra-2"] {
        let answer = cdn.get(name, "/a").await;
        assert_eq!(answer.text(), "content", "{}", answer.cache_status());
    }
    assert_eq!(origin.count("/a"), 1);
    for name in ["fra-1", "fra-2"] {
        let path = cdn.path_owned_by(name, "p").await;
        let other = if name == "fra-1" { "fra-2" } else { "fra-1" };
        let answer = cdn.get(other, &path).await;
        assert!(answer.cache_status().contains("peer"), "{other}");
    }
    let (code, out, _) = cdn.perigee(&["status", "--json"]);
    assert_eq!(code, 0, "{out}");
    assert!(!out.contains("\"usable\": false"), "{out}");
}
