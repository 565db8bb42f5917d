//! The admin API over real sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use perigee_edge::{PurgeOrder, Purged, Readiness};
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::run::{DrainOrder, Draining, Phase, Terms};

const TERMS: Terms = Terms {
    grace: Duration::from_secs(20),
    deadline: Duration::from_secs(30),
};

struct Node {
    draining: bool,
}

impl Managed for Node {
    fn readiness(&self) -> Readiness {
        Readiness {
            node: "a".into(),
            draining: self.draining,
            load: 0.5,
            config_version: "v1".into(),
            purge_revision: 7,
            ..Readiness::default()
        }
    }

    fn status(&self) -> Value {
        json!({ "node": "a", "role": "edge" })
    }

    fn purge<'a>(&'a self, order: &'a PurgeOrder) -> Answer<'a, Result<Purged, NotDone>> {
        Box::pin(async move {
            match order.url.as_deref().unwrap_or_default() {
                "http://a.example/x" => Ok(Purged {
                    keys: Some(2),
                    revision: 8,
                    milliseconds: 0.5,
                    warning: None,
                }),
                "http://none.example/" => Err(NotDone::NothingStored),
                _ => Err(NotDone::Wrong("no host".into())),
            }
        })
    }
}

async fn start(draining: bool, token: Option<&str>) -> SocketAddr {
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("binds");
    let address = listener.local_addr().expect("has an address");
    let mut registry = Registry::default();
    let counter: Counter = Counter::default();
    registry.register("tries", "Tries", counter.clone());
    counter.inc();
    let admin = Admin {
        node: Arc::new(Node { draining }),
        draining: Arc::new(Draining::new(TERMS)),
        registry: Arc::new(registry),
        guard: Guard::new(address, token.map(str::to_owned)).expect("guards"),
    };
    tokio::spawn(admin.serve(listener));
    address
}

fn client(address: SocketAddr, token: Option<&str>) -> AdminClient {
    AdminClient {
        address,
        token: token.map(str::to_owned),
        timeout: Duration::from_secs(5),
    }
}

/// Sends these bytes, and reads until the other side closes.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    // The server may answer and close before all is sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn the_client_reads_status_and_purges() {
    let node = client(start(false, None).await, None);
    let status: Value = node.status().await.expect("answers");
    assert_eq!(status["role"], "edge");
    assert_eq!(node.ready().await, Ok(()));
    let purged = node
        .purge(&PurgeOrder::of_url("http://a.example/x"))
        .await
        .expect("purges");
    assert_eq!(
        purged,
        Purged {
            keys: Some(2),
            revision: 8,
            milliseconds: 0.5,
            warning: None,
        }
    );
    let refused = node
        .purge(&PurgeOrder::of_url("x"))
        .await
        .expect_err("no host");
    assert_eq!(
        refused,
        CallError::Refused(http::StatusCode::BAD_REQUEST, "no host".into())
    );
    let refused = node
        .purge(&PurgeOrder::of_url("http://none.example/"))
        .await
        .expect_err("stores nothing");
    assert!(refused.to_string().starts_with("404"), "{refused}");
}

#[tokio::test]
async fn a_draining_node_is_not_ready() {
    let address = start(true, None).await;
    let answer = raw(address, &get("/ready")).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"draining\":true"), "{answer}");
    assert!(
        raw(address, &get("/health"))
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn metrics_are_text() {
    let answer = raw(start(false, None).await, &get("/metrics")).await;
    assert!(answer.contains("tries_total 1\n"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn errors_are_json() {
    let address = start(false, None).await;
    let answer = raw(address, &get("/nothing")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("{\"error\":"), "{answer}");
    let answer = raw(address, &get("/purge")).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(
        answer.to_lowercase().contains("\r\nallow: post\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_token_opens() {
    let address = start(false, Some("secret")).await;
    assert!(client(address, Some("secret")).ready().await.is_ok());
    let refused = client(address, Some("guess"))
        .ready()
        .await
        .expect_err("wrong token");
    assert_eq!(refused, CallError::WrongToken { sent: true });
    let refused = client(address, None).ready().await.expect_err("no token");
    assert_eq!(refused, CallError::WrongToken { sent: false });
    assert!(
        raw(address, &get("/health"))
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_bent_name_is_refused() {
    let request = "GET /status HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n";
    let answer = raw(start(false, None).await, request).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn a_body_has_a_limit_and_a_form() {
    let address = start(false, None).await;
    let post = |body: &str| {
        format!(
            "POST /purge HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let long = format!("{{\"url\": \"{}\"}}", "x".repeat(70_000));
    assert!(raw(address, &post(&long)).await.starts_with("HTTP/1.1 413"));
    let answer = raw(address, &post("{\"uri\": \"http://a.example/x\"}")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let answer = raw(address, &post("{\"url\": \"http://a.example/x\"}")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn nobody_there_is_down() {
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("binds");
    let address = listener.local_addr().expect("has an address");
    drop(listener);
    let error = client(address, None)
        .ready()
        .await
        .expect_err("nobody there");
    assert_eq!(error, CallError::Down("connection refused".into()));
}

/// Long, and over at once: time is paused, and passes when all wait.
const AGES: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn who_takes_no_answer_is_cut() {
    let address = start(false, None).await;
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let ask = get("/metrics").replace("close", "keep-alive");
    let endless = async { while stream.write_all(ask.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(AGES, endless).await.expect("is cut");
}

#[tokio::test(start_paused = true)]
async fn who_asks_nothing_is_cut() {
    let address = start(false, None).await;
    let served = get("/health").replace("close", "keep-alive");
    for said in ["", "GET /health HTTP/1.1\r\n", &served] {
        let end = tokio::time::timeout(AGES, raw(address, said)).await;
        assert_eq!(end.expect(said).contains("200 OK"), said == served);
    }
}

#[tokio::test]
async fn a_node_is_told_to_drain_and_says_how_far_it_is() {
    let address = start(false, None).await;
    let client = client(address, None);
    let status: Value = client.status().await.expect("answers");
    assert_eq!(status["drain"]["phase"], "serving");

    let told = client.drain(DrainOrder::default()).await.expect("drains");
    assert_eq!((told.phase, told.stops), (Phase::Leaving, true));
    assert_eq!((told.grace, told.deadline), (20.0, 30.0));
    let status: Value = client.status().await.expect("answers");
    assert_eq!(status["drain"]["phase"], "leaving");
    assert!(
        status["drain"]["remaining"].as_f64() <= Some(20.0),
        "{status}"
    );

    let undo = DrainOrder {
        undo: true,
        ..DrainOrder::default()
    };
    let told = client.drain(undo).await.expect("is taken back");
    assert_eq!((told.phase, told.stops), (Phase::Serving, false));

    // As curl sends it: without a body.
    let bare = "POST /drain HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let answer = raw(address, bare).await;
    assert!(answer.contains("\"phase\":\"leaving\""), "{answer}");
    let both = DrainOrder {
        keep_running: true,
        undo: true,
    };
    let refused = client.drain(both).await.expect_err("is refused");
    assert!(matches!(refused, CallError::Refused(status, _) if status == 409));
    let odd = "POST /drain HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
               content-length: 14\r\n\r\n{\"keep\": true}";
    let answer = raw(address, odd).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("keep_running"),
        "{answer}"
    );
}
