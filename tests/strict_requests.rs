//! Requests whose framing or target can be read in two ways: refused, their connection closed,
//! and not a byte of them forwarded. What is forwarded says one thing.

use crate::{
    harness::{
        raw_client::RawClient,
        raw_origin::{RawOrigin, Seen, Then},
    },
    one_proxy::Proxy,
};

const HOST: &str = "host: www.example.com\r\n";

/// What hides behind a request: were it ever read as one, the origin would count it.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: www.example.com\r\n\r\n";

async fn answering() -> RawOrigin {
    let says = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nok";
    RawOrigin::start(says, Then::KeepOn).await
}

/// Sends each of these on a connection of its own. All must be answered once, with 4xx or 501 or
/// 505, and the connection closed; the origin must not be asked.
async fn refused(requests: &[String]) {
    let origin = answering().await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for request in requests {
        let mut client = RawClient::connect(proxy.address).await;
        client.write(request.as_bytes()).await;
        let answer = client.until_closed().await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(
            answer.starts_with("HTTP/1.1 4") || matches!(status, "501" | "505"),
            "{request:?}: {answer:?}"
        );
        assert_eq!(
            answer.matches("HTTP/1.").count(),
            1,
            "{request:?}: {answer:?}"
        );
        assert_eq!(origin.requests(), 0, "{request:?}: {:?}", origin.seen());
    }
}

/// Sends one request and gives what the origin saw of it: exactly one request.
async fn forwarded(request: &str) -> Seen {
    let origin = answering().await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let mut client = RawClient::connect(proxy.address).await;
    client.write(request.as_bytes()).await;
    let answer = client.until(b"ok").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "{request:?}: {answer:?}"
    );
    let mut seen = origin.seen();
    assert_eq!(seen.len(), 1, "{request:?}: {seen:?}");
    seen.remove(0)
}

/// A POST with these lines of framing and this content.
fn post(fields: &str, content: &str) -> String {
    format!("POST / HTTP/1.1\r\n{HOST}{fields}\r\n\r\n{content}")
}

#[tokio::test]
async fn two_lengths() {
    refused(&[
        post("content-length: 0\r\ncontent-length: 60", SMUGGLED),
        post("content-length: 60\r\ncontent-length: 0", SMUGGLED),
        post("content-length: 0, 60", SMUGGLED),
    ])
    .await;
}

#[tokio::test]
async fn lengths_that_are_no_numbers() {
    let lengths = [
        "+0",
        "-0",
        "-60",
        "0x0",
        "0.0",
        "0 0",
        "0;",
        "0\u{b}",
        "\u{b}0",
        "",
        "zero",
        "\"0\"",
        "18446744073709551616",
        "99999999999999999999999999",
    ];
    let requests = lengths.map(|length| post(&format!("content-length: {length}"), SMUGGLED));
    refused(&requests).await;
}

#[tokio::test]
async fn codings_that_are_not_chunked_alone() {
    let codings = [
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding: x\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: identity, chunked",
        "transfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunkedx",
        "transfer-encoding: chunked;a=b",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding: chunked\u{b}",
        "transfer-encoding: chun\rked",
        "transfer-encoding:",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        " transfer-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding\r\n: chunked",
        "transfer-encoding:\r\n chunked",
        "x: y\rtransfer-encoding: chunked",
    ];
    let content = format!("0\r\n\r\n{SMUGGLED}");
    refused(&codings.map(|coding| post(coding, &content))).await;
}

#[tokio::test]
async fn chunks_that_are_none() {
    let contents = [
        "ffffffffffffffff0\r\nab\r\n0\r\n\r\n",
        "10000000000000000\r\nab\r\n0\r\n\r\n",
        "-2\r\nab\r\n0\r\n\r\n",
        "+2\r\nab\r\n0\r\n\r\n",
        "0x2\r\nab\r\n0\r\n\r\n",
        "\r\nab\r\n0\r\n\r\n",
        "g\r\nab\r\n0\r\n\r\n",
        "2\nab\r\n0\r\n\r\n",
        "2\rab\r\n0\r\n\r\n",
        "2;a\nb\r\nab\r\n0\r\n\r\n",
        "2\r\nab0\r\n\r\n",
        "2\r\nab\n0\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
    ];
    let requests = contents.map(|content| post("transfer-encoding: chunked", content));
    refused(&requests).await;
    let bomb = format!("2;{}\r\nab\r\n0\r\n\r\n", "x".repeat(64 << 10));
    refused(&[post("transfer-encoding: chunked", &bomb)]).await;
}

#[tokio::test]
async fn field_lines() {
    let lines = [
        "x-a : b",
        "x-a\t: b",
        " x-a: b",
        "\tx-a: b",
        "x-a: b\r\n c",
        "x-a: b\r\n\tc",
        ": b",
        "x-a",
        "x a: b",
        "x\u{0}a: b",
        "x-a: b\u{0}c",
        "x-a: b\rc",
        "x-a: b\r\r",
        "x-a: b\u{1}c",
        "x-a: b\u{7f}c",
        "x(a): b",
        "x\"a: b",
        "x\u{e9}: b",
    ];
    let requests = lines.map(|line| format!("GET / HTTP/1.1\r\n{HOST}{line}\r\n\r\n"));
    refused(&requests).await;
}

#[tokio::test]
async fn request_lines() {
    let lines = [
        "G ET / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1\u{b}",
        "GET /\u{0} HTTP/1.1",
        "GET /\u{1} HTTP/1.1",
        "GET /a\rb HTTP/1.1",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET www.example.com:80 HTTP/1.1",
        "GET ftp://www.example.com/ HTTP/1.1",
        "GET http:///a HTTP/1.1",
        "GET http://user@www.example.com/ HTTP/1.1",
        "GET http://www.example.com:x/ HTTP/1.1",
        "CONNECT www.example.com:80 HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/11",
        "GET / http/1.1",
        "GET / ICY/1.1",
        "GET /",
        "GET",
    ];
    refused(&lines.map(|line| format!("{line}\r\n{HOST}\r\n"))).await;
}

#[tokio::test]
async fn hosts() {
    let hosts = [
        "",
        "host: www.example.com\r\nhost: www.example.com\r\n",
        "host: www.example.com\r\nhost: evil.example\r\n",
        "host:\r\n",
        "host: www.example.com, evil.example\r\n",
        "host: www.example.com evil.example\r\n",
        "host: user@www.example.com\r\n",
        "host: www.example.com@evil.example\r\n",
        "host: www.example.com:80:80\r\n",
        "host: www.example.com:80x\r\n",
        "host: www.example.com:-1\r\n",
        "host: www.example.com:999999\r\n",
        "host: www.example.com/a\r\n",
        "host: www.example.com?a\r\n",
        "host: www.example.com#a\r\n",
        "host: www.example.com\\a\r\n",
        "host: http://www.example.com\r\n",
        "host: [::1\r\n",
        "host: www.example.com\u{b}\r\n",
        "host : www.example.com\r\n",
        "x: y\r\n host: www.example.com\r\n",
    ];
    refused(&hosts.map(|host| format!("GET / HTTP/1.1\r\n{host}\r\n"))).await;

    // What the target says and what Host says is one thing (RFC 9112 section 3.2).
    let others = ["host: evil.example\r\n", "host: www.example.com:81\r\n"];
    let get = |host| format!("GET http://www.example.com/ HTTP/1.1\r\n{host}\r\n");
    refused(&others.map(get)).await;
}

#[tokio::test]
async fn http_1_0_has_no_codings() {
    let chunked = "transfer-encoding: chunked\r\n";
    refused(&[
        format!("POST / HTTP/1.0\r\n{HOST}{chunked}\r\n0\r\n\r\n{SMUGGLED}"),
        format!(
            "GET / HTTP/1.0\r\n{HOST}{chunked}connection: keep-alive\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_forwarded_has_one_framing() {
    let seen = forwarded(&post("Content-Length: 05", "abcde")).await;
    assert_eq!(seen.field("content-length").len(), 1);
    assert!(seen.text().ends_with("\r\n\r\nabcde"), "{}", seen.text());

    let content = "2;a=\"b\"\r\nab\r\n03\r\ncde\r\n0\r\nhost: evil\r\ncontent-length: 9\r\n\r\n";
    let seen = forwarded(&post("Transfer-Encoding: \tCHUNKED \t", content)).await;
    assert_eq!(seen.field("transfer-encoding"), ["chunked"]);
    assert_eq!(seen.field("content-length"), [""; 0]);
    let text = seen.text();
    let (_, content) = text.split_once("\r\n\r\n").unwrap();
    assert!(
        !content.contains("evil") && !content.contains("content-length"),
        "{text}"
    );
    assert!(!content.contains(';'), "{text}");
    assert!(content.ends_with("\r\n0\r\n\r\n"), "{text}");

    let seen = forwarded(&format!(
        "GET / HTTP/1.1\r\n{HOST}content-length: 0\r\n\r\n"
    ))
    .await;
    assert!(seen.text().ends_with("\r\n\r\n"), "{}", seen.text());
    assert_eq!(seen.field("transfer-encoding"), [""; 0]);
}

#[tokio::test]
async fn what_is_forwarded_has_one_host() {
    for (request, host, target) in [
        (
            "GET /a HTTP/1.1\r\nHOST: \t www.example.com:81 \r\n\r\n",
            "www.example.com:81",
            "/a",
        ),
        (
            "GET http://www.example.com/a?b HTTP/1.1\r\nhost: WWW.example.com\r\n\r\n",
            "www.example.com",
            "/a?b",
        ),
        (
            "GET http://www.example.com HTTP/1.1\r\nhost: www.example.com\r\n\r\n",
            "www.example.com",
            "/",
        ),
        (
            "GET / HTTP/1.1\r\nhost: www.example.com\r\nconnection: host, content-length\r\n\r\n",
            "www.example.com",
            "/",
        ),
        (
            "GET //evil.example/a HTTP/1.1\r\nhost: www.example.com\r\n\r\n",
            "www.example.com",
            "//evil.example/a",
        ),
    ] {
        let seen = forwarded(request).await;
        assert_eq!(seen.field("host"), [host], "{request:?}");
        assert_eq!(seen.target(), target, "{request:?}");
        assert!(!seen.text().contains("evil.example\r\n"), "{}", seen.text());
    }
}

/// What follows a request by its length is the next one, and nothing else.
#[tokio::test]
async fn requests_on_one_connection_stay_apart() {
    let origin = answering().await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let mut client = RawClient::connect(proxy.address).await;
    let first = post("content-length: 5", "abcde");
    let second = format!("GET /second HTTP/1.1\r\n{HOST}\r\n");
    client
        .write(format!("{first}{second}GARBAGE\r\n\r\n").as_bytes())
        .await;
    let answers = client.until_closed().await;
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 400 ").count(), 1, "{answers}");
    let targets: Vec<_> = origin.seen().iter().map(Seen::target).collect();
    assert_eq!(targets, ["/", "/second"]);
}

#[tokio::test]
async fn two_framings() {
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    let length = SMUGGLED.len() + 5;
    refused(&[
        post(
            &format!("content-length: {length}\r\ntransfer-encoding: chunked"),
            &chunks,
        ),
        post(
            &format!("transfer-encoding: chunked\r\ncontent-length: {length}"),
            &chunks,
        ),
        post("content-length: 0\r\ntransfer-encoding: chunked", &chunks),
        post("content-length: x\r\ntransfer-encoding: chunked", &chunks),
    ])
    .await;
}

/// RFC 9112 section 2.2 lets a server take a line feed alone for the end of a line; those in front
/// of it and behind it may not.
#[tokio::test]
async fn line_ends() {
    refused(&[
        "GET / HTTP/1.1\nhost: www.example.com\n\n".into(),
        format!("GET / HTTP/1.1\n{HOST}\r\n"),
        "GET / HTTP/1.1\r\nhost: www.example.com\n\r\n".into(),
        format!("GET / HTTP/1.1\r\n{HOST}\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\n{HOST}x-a: b\nx-b: c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}x-a: b\r\r\n\r\n"),
    ])
    .await;
}

/// A fragment is no part of a target (RFC 9112 section 3.2): some would cut it off and some not.
#[tokio::test]
async fn fragments() {
    refused(&[
        format!("GET /a#b HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /a?b#c HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET http://www.example.com/#b HTTP/1.1\r\n{HOST}\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn equal_lengths() {
    refused(&[
        post("content-length: 5\r\ncontent-length: 5", "abcde"),
        post("content-length: 5, 5", "abcde"),
    ])
    .await;
}
