//! What comes before and after a response passes through every tier: interim responses (103 Early
//! Hints, RFC 8297) and trailers. What is stored has neither.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::{
    harness::{
        cdn::{Cdn, Plan},
        raw_client::RawClient,
    },
    one_proxy::Proxy,
};

const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n\
    HTTP/1.1 102 Processing\r\n\r\n\
    HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nperigee-x: 1\r\n\
    connection: x-hop\r\nx-hop: 1\r\n\r\n";

/// What of it is for the client.
const FOR_CLIENTS: &str = "HTTP/1.1 102 Processing\r\n\r\n\
    HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";

const FINAL: &[u8] =
    b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 5\r\n\r\nhello";

/// An origin that serves each connection in this way.
async fn origin<F, S>(serve: S) -> String
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    url
}

/// Everything up to and including `end`; `None` if the connection ends before.
async fn until(stream: &mut TcpStream, end: &str) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// An origin that gives hints, and its answer when released.
async fn hinting(release: &Arc<Semaphore>) -> String {
    let release = Arc::clone(release);
    origin(move |mut stream| {
        let release = Arc::clone(&release);
        async move {
            while until(&mut stream, "\r\n\r\n").await.is_some() {
                stream.write_all(INTERIM).await.unwrap();
                release.acquire().await.unwrap().forget();
                stream.write_all(FINAL).await.unwrap();
            }
        }
    })
    .await
}

/// Asks for a path that nobody has; the hints must come before the origin says more. The final
/// response.
async fn fetched(node: std::net::SocketAddr, head: &str, release: &Semaphore) -> String {
    let mut client = RawClient::connect(node).await;
    client.write(head.as_bytes()).await;
    let hints = client.until(b"preload\r\n\r\n").await;
    assert_eq!(hints, FOR_CLIENTS, "{head:?}");
    release.add_permits(1);
    let last = client.until(b"hello").await;
    assert!(last.starts_with("HTTP/1.1 200 OK\r\n"), "{last}");
    assert!(!last.contains("link: "), "{last}");
    last
}

#[tokio::test]
async fn hints_pass_edge_peer_and_shield_and_are_not_in_what_is_stored() {
    let release = Arc::new(Semaphore::new(0));
    let cdn = Cdn::start(Plan::small(hinting(&release).await)).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", Cdn::HOST);
    let mut through_peer = None;
    for n in 0..50 {
        let path = format!("/hints-{n}");
        let last = fetched(cdn.at("fra-1"), &get(&path), &release).await;
        assert!(last.contains("shield-1; fwd="), "{last}");
        if last.contains("peer fra-2") {
            through_peer = Some(path);
            break;
        }
    }
    let path = through_peer.expect("a path that the other edge owns");
    for node in ["fra-2", "fra-1"] {
        let mut client = RawClient::connect(cdn.at(node)).await;
        client.write(get(&path).as_bytes()).await;
        let hit = client.until(b"hello").await;
        assert!(hit.starts_with("HTTP/1.1 200 OK\r\n"), "{node}: {hit}");
        assert!(hit.contains("fra-2; hit"), "{node}: {hit}");
        assert!(!hit.contains("link: "), "{node}: {hit}");
        assert_eq!(hit.matches("HTTP/1.1 ").count(), 1, "{node}: {hit}");
    }
}

#[tokio::test]
async fn hints_come_with_what_is_passed_and_never_to_http_1_0() {
    let release = Arc::new(Semaphore::new(0));
    let proxy = Proxy::start(&hinting(&release).await, &[]).await;
    let host = "host: www.example.com\r\n";
    for request in [
        format!("REPORT /a HTTP/1.1\r\n{host}\r\n"),
        format!("GET /b HTTP/1.1\r\n{host}cache-control: no-store\r\n\r\n"),
        format!("GET /c HTTP/1.1\r\n{host}\r\n"),
    ] {
        fetched(proxy.address, &request, &release).await;
    }
    release.add_permits(1);
    let mut old = RawClient::connect(proxy.address).await;
    old.write(format!("GET /d HTTP/1.0\r\n{host}\r\n").as_bytes())
        .await;
    let all = old.until_closed().await;
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
    assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{all}");
}

/// An origin that answers requests with trailers, and says which it got.
async fn trailing() -> String {
    origin(|mut stream| async move {
        while let Some(head) = until(&mut stream, "\r\n\r\n").await {
            let takes = head.contains("\r\nte: trailers\r\n");
            let mut sum = String::new();
            if head.contains("\r\ntransfer-encoding: chunked\r\n") {
                let body = until(&mut stream, "0\r\n").await.unwrap();
                assert_eq!(body, "1\r\nx\r\n0\r\n");
                sum = until(&mut stream, "\r\n\r\n").await.unwrap().replace("\r\n", "");
            }
            let fields = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\ntrailer: x-back\r\n";
            let text = format!("te={takes} {sum}.");
            let chunk = format!("{:x}\r\n{text}\r\n", text.len());
            let answer = format!("{fields}\r\n{chunk}0\r\nx-back: 8\r\nset-cookie: a=b\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn trailers_pass_edge_and_shield_both_ways_where_nothing_is_stored() {
    let cdn = Cdn::start(Plan::small(trailing().await)).await;
    let ask = |fields: &str| {
        let head = format!("POST /t HTTP/1.1\r\nhost: {}\r\n{fields}", Cdn::HOST);
        format!("{head}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 7\r\n\r\n")
    };
    let mut client = RawClient::connect(cdn.at("fra-1")).await;
    let takes = ask("te: trailers\r\nconnection: te\r\ntrailer: x-sum\r\n");
    client.write(takes.as_bytes()).await;
    let answer = client.until(b"x-back: 8\r\n\r\n").await;
    assert!(answer.contains("te=true x-sum: 7."), "{answer}");
    assert!(answer.contains("\r\n0\r\nx-back: 8\r\n\r\n"), "{answer}");

    let plain = ask("trailer: x-sum\r\n");
    client.write(plain.as_bytes()).await;
    let answer = client.until(b"\r\n0\r\n\r\n").await;
    assert!(answer.contains("te=false x-sum: 7."), "{answer}");
    assert!(!answer.contains("x-back: 8"), "{answer}");
}

#[tokio::test]
async fn what_is_stored_has_no_trailers() {
    let proxy = Proxy::start(&trailing().await, &[]).await;
    let get =
        "GET /t HTTP/1.1\r\nhost: www.example.com\r\nte: trailers\r\nconnection: close\r\n\r\n";
    for hit in [false, true] {
        let mut client = RawClient::connect(proxy.address).await;
        client.write(get.as_bytes()).await;
        let answer = client.until_closed().await;
        assert!(answer.contains("te=true ."), "{answer}");
        assert_eq!(answer.contains("; hit"), hit, "{answer}");
        assert!(!answer.contains("x-back"), "{answer}");
    }
}
