//! Mutual TLS between nodes: certificates of one authority, each naming the node that claims to be it.

use std::{net::SocketAddr, path::Path, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use perigee_cluster::{Markers, Role, Trust, stamp};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::harness::{
    cdn::{Cdn, Plan, tier_listen},
    client::get,
    origin::{Origin, fresh},
    process::{command, finish},
    wait,
};

const SECRET: &str = "a secret of the scenarios, 32 b";

const NODES: [&str; 4] = ["fra-1", "fra-2", "shield-1", "ns1"];

/// `perigee tier-certs` for these nodes.
fn make_certificates(folder: &Path, nodes: &[&str]) -> String {
    let mut args = vec!["tier-certs", "--out", folder.to_str().unwrap()];
    args.extend(nodes.iter().flat_map(|node| ["--node", *node]));
    let (code, out, error) = finish(&mut command(&args));
    assert_eq!(code, 0, "{out}{error}");
    out
}

/// The file of a CDN whose nodes know each other by the certificates in a folder.
fn mutual(text: &str, certificates: &Path) -> String {
    let folder = certificates.display();
    format!(
        "{}\n[tier]\ntrust = \"mtls\"\n\n[tier.tls]\nca = \"{folder}/ca.pem\"\n\
         cert = \"{folder}/{{node}}.pem\"\nkey = \"{folder}/{{node}}.key\"\n\n\
         [reload]\ncheck_interval = \"50ms\"\n",
        tier_listen(text)
    )
}

fn plan(origin: &Origin) -> Plan {
    let mut plan = Plan::small(origin.url());
    plan.geodns = true;
    plan
}

/// A connection to a node by TLS, as who has the certificate of this name in the folder, if any.
/// The node is verified by `ca`.
async fn connect(
    address: SocketAddr,
    node: &str,
    ca: &Path,
    own: Option<(&Path, &str)>,
) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(ca.join("ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((folder, name)) => {
            let cert = folder.join(format!("{name}.pem"));
            let key = folder.join(format!("{name}.key"));
            let cert = CertificateDer::from_pem_file(cert).unwrap();
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            config.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    let name = ServerName::try_from(node.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector
        .connect(name, stream)
        .await
        .map_err(|e| e.to_string())
}

/// What a request that a node sends on is answered with, on a connection.
async fn sent_on(stream: TlsStream<TcpStream>, claim: &Trust) -> Result<StatusCode, String> {
    let markers = Markers {
        from: Role::Edge,
        https: true,
        client: [192, 0, 2, 7].into(),
    };
    let mut request = Request::get("/a").header("host", Cdn::HOST);
    let fields = stamp(claim, &markers, "GET", Cdn::HOST, "/a", SystemTime::now());
    for (name, value) in fields {
        request = request.header(name, value);
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|e| e.to_string())?;
    let status = answer.status();
    answer
        .into_body()
        .collect()
        .await
        .map_err(|e| e.to_string())?;
    Ok(status)
}

#[tokio::test]
async fn the_tiers_work_by_certificates_alone() {
    let origin = Origin::start(|_| async { fresh("content") }).await;
    let certificates = TempDir::new().unwrap();
    make_certificates(certificates.path(), &NODES);
    let edit = |text: String| {
        let bare = text.replace(&format!("[cdn]\nsecret = \"{SECRET}\"\n"), "");
        mutual(&bare, certificates.path())
    };
    let cdn = Cdn::start_with(plan(&origin), edit).await;
    // By the one that owns it, and by the one that asks its peer, and both of the shield.
    for name in ["fra-1", "fra-2", "fra-1", "fra-2"] {
        let answer = cdn.get(name, "/a").await;
        assert_eq!(answer.text(), "content", "{}", answer.cache_status());
    }
    assert_eq!(origin.count("/a"), 1);
    for (owner, other) in [("fra-1", "fra-2"), ("fra-2", "fra-1")] {
        let path = cdn.path_owned_by(owner, "p").await;
        let answer = cdn.get(other, &path).await;
        assert!(answer.cache_status().contains("peer"), "{other}");
    }
    // Probes come through, the name server's too.
    for name in ["fra-1", "fra-2", "ns1"] {
        let admin = cdn.admin(name);
        wait::until(&format!("{name} has probed the others"), || async {
            let status = get(admin, "localhost", "/status").send().await;
            let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
            let seen = ["next_hops", "edges"];
            let seen = seen.iter().find_map(|key| status[*key].as_array()).unwrap();
            let nodes = seen.iter().filter(|hop| hop["kind"] != "origin");
            let probed = |hop: &serde_json::Value| hop["latency_ms"].as_f64().is_some();
            nodes.clone().all(probed).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn who_is_not_the_node_that_it_claims_to_be_is_refused() {
    let origin = Origin::start(|_| async { fresh("content") }).await;
    let (ours, others) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    make_certificates(ours.path(), &NODES);
    make_certificates(others.path(), &["fra-2"]);
    let edit = |text: String| mutual(&text, ours.path());
    let cdn = Cdn::start_with(plan(&origin), edit).await;
    let fra_2 = Trust::by_secret(SECRET.as_bytes(), "fra-2").unwrap();
    let wrong = Trust::by_secret(b"not the secret of the scenarios", "fra-2").unwrap();
    for node in ["fra-1", "shield-1"] {
        let at = cdn.tier_at(node);
        let (ca, mine) = (ours.path(), others.path());
        let by = |own| async move { connect(at, node, ca, own).await };
        // The node itself, and each way not to be it.
        let stream = by(Some((ca, "fra-2"))).await.unwrap();
        assert_eq!(sent_on(stream, &fra_2).await, Ok(StatusCode::OK), "{node}");
        for own in [None, Some((mine, "fra-2"))] {
            // In TLS 1.3 a client learns of its refusal when it reads.
            let refused = match by(own).await {
                Ok(stream) => sent_on(stream, &fra_2).await,
                Err(error) => Err(error),
            };
            assert!(refused.is_err(), "{node}: {own:?}: {refused:?}");
        }
        let stream = by(Some((ca, "ns1"))).await.unwrap();
        let claimed = sent_on(stream, &fra_2).await;
        assert_eq!(claimed, Ok(StatusCode::FORBIDDEN), "{node}: another name");
        let stream = by(Some((ca, "fra-2"))).await.unwrap();
        let forged = sent_on(stream, &wrong).await;
        assert_eq!(forged, Ok(StatusCode::FORBIDDEN), "{node}: no secret");
        let plain = get(at, Cdn::HOST, "/a").try_send().await;
        assert!(plain.is_err(), "{node}: not TLS: {plain:?}");
        // It shows who it is, too.
        let other = connect(at, "fra-2", ca, Some((ca, "fra-2"))).await;
        assert!(other.is_err(), "{node} is not fra-2");
        let stranger = connect(at, node, mine, Some((mine, "fra-2"))).await;
        assert!(stranger.is_err(), "{node} is of another authority");
    }
    assert_eq!(origin.count("/a"), 1, "{:?}", origin.asked());
}

#[tokio::test]
async fn certificates_are_renewed_without_a_restart() {
    let origin = Origin::start(|_| async { fresh("content") }).await;
    let certificates = TempDir::new().unwrap();
    let folder = certificates.path();
    let told = make_certificates(folder, &NODES);
    assert!(
        told.contains("ca.key") && told.contains("good until"),
        "{told}"
    );
    let edit = |text: String| mutual(&text, folder);
    let mut cdn = Cdn::start_with(plan(&origin), edit).await;
    let shown = async |node: &str, at: SocketAddr| {
        let stream = connect(at, node, folder, Some((folder, "ns1")))
            .await
            .ok()?;
        let chain = stream.get_ref().1.peer_certificates()?;
        chain.first().map(|leaf| leaf.clone().into_owned())
    };
    let before = shown("fra-1", cdn.tier_at("fra-1")).await.unwrap();

    // A file that is no certificate changes nothing, and is told.
    let good = std::fs::read(folder.join("fra-1.pem")).unwrap();
    std::fs::write(folder.join("fra-1.pem"), "rubbish").unwrap();
    let said = || cdn.node("fra-1").stderr();
    let mut said = said;
    wait::until("it is told", || {
        let told = said().contains("fra-1.pem: has no certificate in PEM");
        async move { told.then_some(()) }
    })
    .await;
    assert_eq!(shown("fra-1", cdn.tier_at("fra-1")).await.unwrap(), before);
    std::fs::write(folder.join("fra-1.pem"), good).unwrap();

    let told = make_certificates(folder, &NODES);
    assert!(told.contains("the authority that was there"), "{told}");
    for node in ["fra-1", "fra-2", "shield-1"] {
        let new = CertificateDer::from_pem_file(folder.join(format!("{node}.pem"))).unwrap();
        let at = cdn.tier_at(node);
        wait::until(&format!("{node} shows its new certificate"), || async {
            (shown(node, at).await.as_ref() == Some(&new)).then_some(())
        })
        .await;
    }
    for name in ["fra-1", "fra-2"] {
        assert_eq!(cdn.get(name, "/after").await.text(), "content", "{name}");
    }
    assert_eq!(origin.count("/after"), 1);
}
