//! Requests that are refused, as raw bytes, and that the connection is closed after them.

use perigee_server::Limits;
use tokio::io::AsyncWriteExt;

use crate::support::{Running, start};

const HOST: &str = "host: a.example\r\n";

/// The whole answer, up to the end of the connection, to one request and another behind it.
async fn answer(it: &Running, request: &str) -> String {
    let mut client = it.connect().await;
    client.send(request).await;
    // The connection may be closed before all of this is sent.
    let _ = client
        .0
        .write_all(b"GET /smuggled HTTP/1.1\r\nhost: a.example\r\n\r\n")
        .await;
    let answer = client.read_to_end().await.unwrap();
    assert!(!answer.contains("smuggled"), "{request:?}: {answer}");
    answer
}

async fn assert_refused(it: &Running, status: &str, requests: &[String]) {
    for request in requests {
        let before = it.server.stats().bad_requests;
        let answer = answer(it, request).await;
        let shown: String = request.chars().take(200).collect();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{shown:?}: {answer:?}"
        );
        assert!(
            answer.contains("connection: close\r\n"),
            "{shown:?}: {answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{shown:?}: {answer}"
        );
        let counted = || it.server.stats().bad_requests == before + 1;
        crate::support::until(counted, || format!("{shown:?} is counted")).await;
    }
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\n{fields}\r\n")
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\n{HOST}{fields}\r\n{body}")
}

#[tokio::test]
async fn malformed_requests_get_400() {
    let it = start(Limits::default()).await;
    let requests = [
        "rubbish\r\n\r\n".to_owned(),
        "GET / HTTP/1.1 x\r\nhost: a\r\n\r\n".to_owned(),
        "G@T / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/9.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET a.example:80 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET http://user@a.example/ HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        get(""),
        get("host: a\r\nhost: b\r\n"),
        get("host: a, b\r\n"),
        get("host:\r\n"),
        get("host: user@a\r\n"),
        get("host: a\r\nname : value\r\n"),
        get("host: a\r\n folded: value\r\n"),
        get("host: a\r\nx: a\rb\r\n"),
        get("host: a\r\nx: a\0b\r\n"),
        get("host: a\r\nno colon\r\n"),
        get("host: a\r\n: no name\r\n"),
        get("host: a\r\nx: a\x01b\r\n"),
        get("host: a\r\nx: a\x7fb\r\n"),
        " GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET /a\tb HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET /\u{e4} HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET * HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET http://b.example/ HTTP/1.1\r\nhost: a.example\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n host: a\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
    ];
    assert_refused(&it, "400", &requests).await;
}

#[tokio::test]
async fn lines_end_in_crlf() {
    let it = start(Limits::default()).await;
    let requests = [
        "GET / HTTP/1.1\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: a\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: a\r\n\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: a\r\nx:\ny: z\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\n\n".to_owned(),
        "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\rhost: a\r\n\r\n".to_owned(),
    ];
    assert_refused(&it, "400", &requests).await;
}

#[tokio::test]
async fn ambiguous_framing_gets_400() {
    let it = start(Limits::default()).await;
    let requests = [
        post("content-length: 3\r\ncontent-length: 4\r\n", "abc"),
        post("content-length: 3\r\ncontent-length: 3\r\n", "abc"),
        post("content-length: 3, 3\r\n", "abc"),
        post(
            "content-length: 3\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        post(
            "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
            "0\r\n\r\n",
        ),
        post("transfer-encoding:\r\n", "abc"),
        post("content-length:\r\n", "abc"),
        post("content-length: +3\r\n", "abc"),
        post("content-length: 0x3\r\n", "abc"),
        post("content-length: 99999999999999999999\r\n", "abc"),
        post("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        post("transfer-encoding: identity\r\n", "abc"),
        format!("POST / HTTP/1.0\r\n{HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ];
    assert_refused(&it, "400", &requests).await;
}

#[tokio::test]
async fn what_is_not_implemented_gets_501() {
    let it = start(Limits::default()).await;
    let requests = [
        "CONNECT b.example:443 HTTP/1.1\r\nhost: b.example:443\r\n\r\n".to_owned(),
        post("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        post(
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
    ];
    assert_refused(&it, "501", &requests).await;
}

#[tokio::test]
async fn oversized_heads_get_431_even_when_the_client_is_still_sending() {
    let limits = Limits {
        max_head: 16 << 10,
        max_fields: 20,
        ..Limits::default()
    };
    let it = start(limits).await;
    let requests = [
        get(&format!("{HOST}x: {}\r\n", "x".repeat(16 << 10))),
        get(&format!("{HOST}{}", "x: y\r\n".repeat(20))),
        get(&format!("{HOST}x: {}", "x".repeat(4 << 20))),
    ];
    assert_refused(&it, "431", &requests).await;
    let long = format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(16 << 10));
    assert_refused(&it, "414", &[long]).await;

    let mut fits = it.connect().await;
    fits.send(&get(&format!("{HOST}x: {}\r\n", "x".repeat(15 << 10))))
        .await;
    assert!(fits.read_until("cl=0").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_arrives() {
    let it = start(Limits::default()).await;
    let size = 8 << 20;
    let mut client = it.connect().await;
    client
        .send(&format!(
            "POST /unread HTTP/1.1\r\n{HOST}content-length: {size}\r\n\r\n"
        ))
        .await;
    let body = vec![b'x'; size];
    // Whether all of it can be sent is up to the server: what counts is that its answer is there.
    let _ = client.0.write_all(&body).await;
    let answer = client.read_until("too much").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(client.is_closed().await);
}
