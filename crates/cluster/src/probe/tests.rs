use std::{net::SocketAddr, sync::atomic::Ordering::Relaxed, time::SystemTime};

use http::header::HOST;

use super::*;
use crate::test_node::{Nobody, TestNode, Then, node, prober, raw, ready};

/// Long enough for a busy machine to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// For what never answers.
const SHORT: Duration = Duration::from_millis(200);

/// What a probe of fra-1 at this address says, without the part that names it.
async fn failure(address: SocketAddr, timeout: Duration) -> String {
    let error = prober(timeout).probe(&node("fra-1", address)).await;
    let ProbeError(text) = error.unwrap_err();
    let prefix = format!("fra-1 at {address}: ");
    text.strip_prefix(&prefix).expect(&text).to_owned()
}

/// What a probe says of an answer with this body.
async fn failure_of_body(body: &str) -> String {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    failure(raw(answer.as_bytes(), Then::Closes).await, PATIENCE).await
}

#[tokio::test]
async fn a_ready_node_says_so_on_one_connection() {
    let server = TestNode::start("fra-1").await;
    let prober = prober(PATIENCE);
    let node = node("fra-1", server.address);
    for _ in 0..3 {
        assert_eq!(prober.probe(&node).await, Ok(ready("fra-1")));
    }
    assert_eq!(server.connections.load(Relaxed), 1);
}

#[tokio::test]
async fn nobody_there() {
    let nobody = Nobody::new();
    let said = failure(nobody.address(), PATIENCE).await;
    assert_eq!(said, "connection refused");
}

#[tokio::test]
async fn a_killed_node_is_refused_and_found_again() {
    let server = TestNode::start("fra-1").await;
    let node = node("fra-1", server.address);
    let prober = prober(PATIENCE);
    assert!(prober.probe(&node).await.is_ok());
    server.kill().await;
    assert!(prober.probe(&node).await.is_err());
    let again = TestNode::start_at("fra-1", node.address).await;
    assert_eq!(prober.probe(&node).await, Ok(ready("fra-1")));
    assert_eq!(again.connections.load(Relaxed), 1);
}

#[tokio::test]
async fn another_node_at_the_address() {
    let server = TestNode::start("fra-2").await;
    let said = failure(server.address, PATIENCE).await;
    assert_eq!(said, r#"answers as another node, "fra-2""#);
}

#[tokio::test]
async fn a_node_with_another_secret() {
    let server = TestNode::start("fra-1").await;
    let stranger = Trust::by_secret(b"another secret of length", "geo-1").unwrap();
    let prober = Prober::new(stranger, PATIENCE);
    let ProbeError(text) = prober
        .probe(&node("fra-1", server.address))
        .await
        .unwrap_err();
    assert!(
        text.contains("403 Forbidden: compare the secrets"),
        "{text}"
    );
}

#[tokio::test]
async fn the_timeout_is_over_the_whole_answer() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    for sent in [b"", b"HTTP/1.1 200 ".as_slice(), head] {
        let address = raw(sent, Then::Hangs).await;
        assert_eq!(failure(address, SHORT).await, "no answer in 200ms");
    }
}

#[tokio::test]
async fn other_statuses() {
    let busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let said = failure(raw(busy, Then::Closes).await, PATIENCE).await;
    assert_eq!(said, "answered 503 Service Unavailable, not 200 OK");
    let moved = b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
    let said = failure(raw(moved, Then::Closes).await, PATIENCE).await;
    assert_eq!(said, "answered 302 Found, not 200 OK");
}

#[tokio::test]
async fn what_is_not_http() {
    let said = failure(
        raw(b"SSH-2.0-OpenSSH_9.2\r\n", Then::Closes).await,
        PATIENCE,
    )
    .await;
    assert!(said.contains("HTTP"), "{said}");
    let said = failure(raw(b"", Then::Closes).await, PATIENCE).await;
    assert!(said.contains("connection"), "{said}");
}

#[tokio::test]
async fn what_is_not_readiness() {
    for body in ["", "ready", "{}", r#"{"node":"fra-1"}"#, "[1,2]", "\u{0}"] {
        let said = failure_of_body(body).await;
        assert!(said.starts_with("its readiness does not parse: "), "{said}");
    }
}

#[tokio::test]
async fn more_than_a_readiness() {
    let said = failure_of_body(&" ".repeat(MAX_BYTES + 1)).await;
    assert_eq!(said, "its answer is longer than 16384 bytes");

    let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\nHTTP/\r\n5\r\n1.1 2\r\n";
    let head = raw(endless, Then::Repeats).await;
    assert!(!failure(head, PATIENCE).await.starts_with("no answer"));

    let head = raw(
        b"HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyy\r\nz: ",
        Then::Repeats,
    )
    .await;
    assert!(!failure(head, PATIENCE).await.starts_with("no answer"));
}

#[tokio::test]
async fn a_cut_body_is_no_answer() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"node\":\"fra-1\"";
    let said = failure(raw(cut, Then::Closes).await, PATIENCE).await;
    assert!(!said.contains("parse"), "{said}");
}

#[test]
fn load_is_a_share() {
    let node = node("fra-1", ([127, 0, 0, 1], 80).into());
    for (said, load) in [(-1.0, 0.0), (0.5, 0.5), (1e300, 1.0)] {
        let readiness = Readiness {
            load: said,
            ..ready("fra-1")
        };
        let body = serde_json::to_vec(&readiness).unwrap();
        assert_eq!(judge(&node, StatusCode::OK, &body).unwrap().load, load);
    }
}

#[test]
fn the_request_names_the_address() {
    let now = SystemTime::now();
    for (address, host) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]:8080", "[::1]:8080"),
    ] {
        let node = node("fra-1", address.parse().unwrap());
        let request = prober(PATIENCE)
            .client
            .request(&node, READY_PATH, now)
            .unwrap();
        assert_eq!(request.headers()[HOST], host);
        assert_eq!(request.uri().path(), READY_PATH);
    }
}
