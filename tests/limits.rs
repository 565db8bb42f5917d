//! Oversized and malformed requests get the right 4xx, and the connection closes.

use std::net::SocketAddr;

use http::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::{
        cdn::one_edge,
        client::{ask, get},
        origin::Origin,
    },
    one_proxy::Proxy,
};

/// Sends these bytes and reads until the other side closes.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may answer and close before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_malformed_or_ambiguous_never_reaches_the_origin() {
    let origin = Origin::cacheable("content").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let many = "x: y\r\n".repeat(200);
    let long = "z".repeat(200_000);
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (
            "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(),
            "400",
        ),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n".to_owned(), "400"),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"
                .to_owned(),
            "400",
        ),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"), "431"),
        (
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
            "431",
        ),
    ] {
        let answer = say(proxy.address, request.as_bytes()).await;
        let start: String = request.chars().take(60).collect();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{start:?}: {answer}"
        );
    }
    assert_eq!(origin.asked().len(), 0);
    let fine = get(proxy.address, "www.example.com", "/").send().await;
    assert_eq!(fine.status, StatusCode::OK);
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_count_and_is_not_passed_on() {
    let origin = Origin::cacheable("content").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    // RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length, and the connection
    // closes, so that what follows is nobody's next request.
    let smuggled = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\
        transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = say(proxy.address, smuggled).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    let asked = origin.asked();
    assert!(
        asked.len() <= 1 && origin.count("/smuggled") == 0,
        "{asked:?}"
    );
    assert!(
        asked
            .iter()
            .all(|a| a.body == "abc" && a.field("content-length").is_empty())
    );
}

fn small_limits(origin: &str) -> String {
    format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\
         [dns]\nzone = \"cdn.test\"\n\
         [limits]\nbody_idle_timeout = \"200ms\"\nidle_timeout = \"200ms\"\nhead_timeout = \"200ms\"\nmax_requests = 1\n\
         [[services]]\nname = \"www\"\norigins = [\"{origin}\"]\nmax_request_body = \"1KiB\"\n"
    )
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413_said_or_found_out() {
    let origin = Origin::cacheable("content").await;
    let edge = one_edge(&small_limits(&origin.url())).await;
    let large = ask(Method::POST, edge.address, "www.cdn.test", "/")
        .body(vec![b'x'; 2048])
        .send()
        .await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let chunk = format!("800\r\n{}\r\n0\r\n\r\n", "x".repeat(2048));
    let head = "POST / HTTP/1.1\r\nhost: www.cdn.test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = say(edge.address, format!("{head}{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let fits = ask(Method::POST, edge.address, "www.cdn.test", "/")
        .body(vec![b'x'; 1024])
        .send()
        .await;
    assert_eq!(fits.status, StatusCode::OK);
}

#[tokio::test]
async fn who_says_nothing_or_too_slowly_is_let_go() {
    let origin = Origin::cacheable("content").await;
    let edge = one_edge(&small_limits(&origin.url())).await;
    // Both end by the other side's closing.
    assert_eq!(say(edge.address, b"").await, "");
    let slow = say(edge.address, b"GET / HTTP/1.1\r\nhost: www.cd").await;
    assert!(
        slow.is_empty() || slow.starts_with("HTTP/1.1 408 "),
        "{slow}"
    );
}

#[tokio::test]
async fn a_request_body_that_does_not_come_is_408() {
    let origin = Origin::cacheable("content").await;
    let edge = one_edge(&small_limits(&origin.url())).await;
    let head = b"POST / HTTP/1.1\r\nhost: www.cdn.test\r\ncontent-length: 10\r\n\r\nhalf";
    let answer = say(edge.address, head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn one_request_too_many_is_503() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let opened = std::sync::Arc::clone(&gate);
    let origin = Origin::start(move |_| {
        let gate = std::sync::Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            crate::harness::origin::fresh("one")
        }
    })
    .await;
    let edge = one_edge(&small_limits(&origin.url())).await;
    let first = tokio::spawn(get(edge.address, "www.cdn.test", "/1").send());
    crate::harness::wait::until("the first is under way", || async {
        (origin.count("/1") == 1).then_some(())
    })
    .await;
    let second = get(edge.address, "www.cdn.test", "/2").send().await;
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().text(), "one");
}

#[tokio::test]
async fn an_object_that_is_too_large_streams_through() {
    let body: Vec<u8> = (0..8 << 20).map(|n: u32| (n % 251) as u8).collect();
    let sent = bytes::Bytes::from(body);
    let content = sent.clone();
    let origin = Origin::start(move |_| {
        let content = content.clone();
        async move { crate::harness::origin::fresh(content) }
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &["--memory", "16MiB"]).await;
    for _ in 0..2 {
        let answer = get(proxy.address, "www.example.com", "/large").send().await;
        assert!(answer.body == sent, "the body is another one");
        assert!(!answer.is_hit());
    }
    assert_eq!(origin.count("/large"), 2);
}
