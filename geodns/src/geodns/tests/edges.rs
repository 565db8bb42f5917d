//! Edges that live, drain and die, and answers that follow.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use perigee_cluster::Readiness;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinHandle, JoinSet},
};

use super::*;
use crate::Thresholds;

/// What an edge answers to probes.
struct FakeEdge {
    address: SocketAddr,
    says: Arc<Says>,
    task: JoinHandle<()>,
}

/// What it says, and how often.
#[derive(Debug, Default)]
struct Says {
    draining: AtomicBool,
    failing: AtomicBool,
    /// Probes that were answered with an error, and well.
    failed: AtomicU32,
    fine: AtomicU32,
}

impl FakeEdge {
    async fn start(name: &str, address: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let says = Arc::new(Says::default());
        let (name, said) = (name.to_owned(), Arc::clone(&says));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, name.clone(), Arc::clone(&said)));
            }
        });
        FakeEdge {
            address,
            says,
            task,
        }
    }

    /// Gone, with all its connections, as after `kill -9`.
    async fn kill(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

async fn serve(mut stream: tokio::net::TcpStream, name: String, says: Arc<Says>) {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.is_ok_and(|n| n > 0) {
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        if says.failing.load(Ordering::Relaxed) {
            says.failed.fetch_add(1, Ordering::Relaxed);
            let error = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(error).await.is_err() {
                return;
            }
            continue;
        }
        says.fine.fetch_add(1, Ordering::Relaxed);
        let readiness = Readiness {
            node: name.clone(),
            draining: says.draining.load(Ordering::Relaxed),
            load: 0.25,
            config_version: "v7".to_owned(),
            purge_revision: 3,
            ..Readiness::default()
        };
        let body = serde_json::to_string(&readiness).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The CDN of the fixture with edges that are really there, probed often.
async fn cdn() -> (Config, Vec<Option<FakeEdge>>) {
    let mut config = fixture::config();
    config.view.interval = Duration::from_millis(20);
    let mut edges = Vec::new();
    for edge in config.pops.iter_mut().flat_map(|pop| &mut pop.edges) {
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let fake = FakeEdge::start(edge.node.name.as_str(), any).await;
        edge.node.address = fake.address;
        edges.push(Some(fake));
    }
    (config, edges)
}

const BERLIN: &str = "10.49.0.0/16";
const FRA: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const NYC: [&str; 2] = ["192.0.2.11", "192.0.2.12"];

#[tokio::test]
async fn answers_follow_the_death_and_return_of_edges() {
    let (config, mut edges) = cdn().await;
    let geodns = start(config);
    until_answered(&geodns, BERLIN, &FRA).await;
    let first = edges[0].take().unwrap().kill().await;
    until_answered(&geodns, BERLIN, &FRA[1..]).await;
    edges[1].take().unwrap().kill().await;
    until_answered(&geodns, BERLIN, &NYC).await;

    let explanation = geodns.explain("www.cdn.example", BERLIN.parse().unwrap());
    assert!(!explanation.candidates[0].edges[0].up);
    let status = geodns.status();
    assert!(!status.edges[0].up && status.edges[0].error.is_some());
    assert!(status.edges[2].up && status.health_believed);

    let _back = FakeEdge::start("fra-1", first).await;
    until_answered(&geodns, BERLIN, &FRA[..1]).await;
}

#[tokio::test]
async fn when_all_edges_are_gone_all_are_answered() {
    let (config, mut edges) = cdn().await;
    let geodns = start(config);
    for edge in &mut edges {
        edge.take().unwrap().kill().await;
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while geodns.status().health_believed || geodns.status().edges.iter().any(|e| e.up) {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{:?}",
            geodns.status()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until_answered(&geodns, BERLIN, &FRA).await;
}

#[tokio::test]
async fn draining_edges_are_left_out_and_shown() {
    let (config, edges) = cdn().await;
    let geodns = start(config);
    edges[0]
        .as_ref()
        .unwrap()
        .says
        .draining
        .store(true, Ordering::Relaxed);
    until_answered(&geodns, BERLIN, &FRA[1..]).await;
    let edge = &geodns.status().edges[0];
    assert!(edge.up && edge.draining);
    assert_eq!(edge.load, Some(0.25));
    assert_eq!(edge.config_version.as_deref(), Some("v7"));
    assert_eq!(edge.pop.as_deref(), Some("fra"));
}

#[tokio::test]
async fn reload_watches_the_new_edges() {
    let (config, mut edges) = cdn().await;
    let geodns = start(config.clone());
    let mut smaller = config.clone();
    smaller.pops.remove(0);
    reload(&geodns, smaller).unwrap();
    until_answered(&geodns, BERLIN, &NYC).await;
    // Other thresholds make a new watch, which sees deaths as well.
    let mut strict = config;
    strict.view.thresholds.fall = 1;
    reload(&geodns, strict).unwrap();
    until_answered(&geodns, BERLIN, &FRA).await;
    edges[1].take().unwrap().kill().await;
    until_answered(&geodns, BERLIN, &FRA[..1]).await;
}

#[tokio::test]
async fn an_edge_is_out_after_its_failures_in_a_row_and_in_after_its_successes() {
    let (mut config, edges) = cdn().await;
    config.view.interval = Duration::from_millis(50);
    config.view.thresholds = Thresholds { fall: 4, rise: 5 };
    let geodns = start(config);
    let says = Arc::clone(&edges[0].as_ref().unwrap().says);
    let is_up = || geodns.status().edges[0].up;
    let deadline = tokio::time::Instant::now() + 2 * PATIENCE;
    let patiently = async || {
        assert!(tokio::time::Instant::now() < deadline, "{says:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
    until_answered(&geodns, BERLIN, &FRA).await;

    says.failing.store(true, Ordering::Relaxed);
    while is_up() {
        patiently().await;
    }
    assert!(count(&says.failed) >= 4, "{says:?}");
    until_answered(&geodns, BERLIN, &FRA[1..]).await;

    says.fine.store(0, Ordering::Relaxed);
    says.failing.store(false, Ordering::Relaxed);
    while !is_up() {
        patiently().await;
    }
    assert!(count(&says.fine) >= 5, "{says:?}");
    until_answered(&geodns, BERLIN, &FRA).await;
}
