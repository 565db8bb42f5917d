//! HTTP/2 requests that must not become HTTP/1.1 ones (RFC 9113 sections 8.1 and 8.2): written as
//! raw frames, since no client would. What is forwarded of the others says one thing.

use crate::{
    harness::{
        raw_client::RawClient,
        raw_origin::{RawOrigin, Then},
    },
    one_proxy::Proxy,
};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A request head: names and values as they are to be on the wire, whatever they are.
type Head<'a> = &'a [(&'a str, &'a str)];

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const AUTHORITY: (&str, &str) = (":authority", "www.example.com");
const PATH: (&str, &str) = (":path", "/");

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// Literal fields without indexing and without Huffman codes (RFC 7541 section 6.2.2).
fn block(head: Head<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in head {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// What became of a request.
#[derive(Debug, PartialEq)]
enum Became {
    Answered { ok: bool },
    Reset,
    Closed,
}

/// Sends one request over HTTP/2 with prior knowledge; `content` in one frame of data, if any.
async fn send(proxy: &Proxy, head: Head<'_>, content: Option<&[u8]>) -> Became {
    let mut client = RawClient::connect(proxy.address).await;
    client.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.write(&frame(SETTINGS, 0, 0, &[])).await;
    let ends = if content.is_none() { END_STREAM } else { 0 };
    client
        .write(&frame(HEADERS, END_HEADERS | ends, 1, &block(head)))
        .await;
    if let Some(content) = content {
        client.write(&frame(0, END_STREAM, 1, content)).await;
    }
    loop {
        let Some(head) = client.exactly(9).await else {
            return Became::Closed;
        };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let Some(payload) = client.exactly(length as usize).await else {
            return Became::Closed;
        };
        match head[3] {
            // Of the static table, `:status: 200` is the 8th entry (RFC 7541 appendix A).
            HEADERS => {
                return Became::Answered {
                    ok: payload[0] == 0x88,
                };
            }
            RST_STREAM => return Became::Reset,
            GOAWAY => return Became::Closed,
            _ => {}
        }
    }
}

async fn answering() -> RawOrigin {
    let says = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    RawOrigin::start(says, Then::KeepOn).await
}

/// Sends each of these; none may reach the origin, nor be answered with 200.
async fn refused(requests: &[(Head<'_>, Option<&[u8]>)]) {
    let origin = answering().await;
    let mut proxy = Proxy::start(&origin.url(), &[]).await;
    for (head, content) in requests {
        let became = send(&proxy, head, *content).await;
        assert_ne!(became, Became::Answered { ok: true }, "{head:?}");
        assert_eq!(origin.requests(), 0, "{head:?}: {:?}", origin.seen());
    }
    let good = send(&proxy, &[METHOD, SCHEME, AUTHORITY, PATH], None).await;
    assert_eq!(good, Became::Answered { ok: true });
    assert!(proxy.process.is_running());
}

#[tokio::test]
async fn fields_of_a_connection() {
    for field in [
        ("connection", "close"),
        ("connection", "x-a"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
    ] {
        refused(&[(&[METHOD, SCHEME, AUTHORITY, PATH, field], None)]).await;
    }
}

#[tokio::test]
async fn line_ends_and_controls_in_fields() {
    for field in [
        ("x-a", "b\r\nhost: evil"),
        ("x-a", "b\nc"),
        ("x-a", "b\rc"),
        ("x-a", "b\0c"),
        ("x-a: b\r\nx-c", "d"),
        ("x-a\r\n", "b"),
        ("x a", "b"),
        ("x-a:", "b"),
        ("X-A", "b"),
        ("", "b"),
    ] {
        refused(&[(&[METHOD, SCHEME, AUTHORITY, PATH, field], None)]).await;
    }
}

#[tokio::test]
async fn pseudo_fields() {
    let evil = "/ HTTP/1.1\r\nhost: evil\r\n\r\n";
    for head in [
        &[METHOD, SCHEME, AUTHORITY, (":path", evil)][..],
        &[METHOD, SCHEME, AUTHORITY, (":path", "/a b")],
        &[METHOD, SCHEME, AUTHORITY, (":path", "/a\tb")],
        &[METHOD, SCHEME, AUTHORITY, (":path", "")],
        &[METHOD, SCHEME, AUTHORITY, (":path", "a")],
        &[METHOD, SCHEME, AUTHORITY, (":path", "*")],
        &[METHOD, SCHEME, AUTHORITY],
        &[METHOD, SCHEME, AUTHORITY, PATH, PATH],
        &[METHOD, SCHEME, PATH],
        &[METHOD, AUTHORITY, PATH],
        &[SCHEME, AUTHORITY, PATH],
        &[METHOD, METHOD, SCHEME, AUTHORITY, PATH],
        &[METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH],
        &[(":method", "GET / HTTP/1.1\r\n"), SCHEME, AUTHORITY, PATH],
        &[(":method", "G ET"), SCHEME, AUTHORITY, PATH],
        &[(":method", "CONNECT"), AUTHORITY],
        &[METHOD, (":scheme", "http://evil/"), AUTHORITY, PATH],
        &[METHOD, (":scheme", "ftp"), AUTHORITY, PATH],
        &[METHOD, SCHEME, (":authority", "a b"), PATH],
        &[METHOD, SCHEME, (":authority", "user@www.example.com"), PATH],
        &[METHOD, SCHEME, (":authority", "www.example.com:x"), PATH],
        &[
            METHOD,
            SCHEME,
            (":authority", "www.example.com\r\nx: y"),
            PATH,
        ],
        &[METHOD, SCHEME, (":authority", ""), PATH],
        &[METHOD, SCHEME, AUTHORITY, PATH, ("host", "evil.example")],
        &[
            METHOD,
            SCHEME,
            AUTHORITY,
            PATH,
            ("host", "www.example.com"),
            ("host", "evil.example"),
        ],
        &[METHOD, SCHEME, AUTHORITY, ("x-a", "b"), PATH],
        &[METHOD, SCHEME, AUTHORITY, PATH, (":status", "200")],
        &[METHOD, SCHEME, AUTHORITY, PATH, (":evil", "1")],
    ] {
        refused(&[(head, None)]).await;
    }
}

#[tokio::test]
async fn lengths_that_are_not_those_of_the_content() {
    for (length, content) in [
        ("5", &b"abc"[..]),
        ("3", b"abcde"),
        ("-3", b"abc"),
        ("+3", b"abc"),
        ("three", b"abc"),
        ("3, 4", b"abc"),
    ] {
        let post = (":method", "POST");
        let head = [post, SCHEME, AUTHORITY, PATH, ("content-length", length)];
        refused(&[(&head, Some(content))]).await;
    }
    let twice = [("content-length", "3"), ("content-length", "5")];
    let head = [
        (":method", "POST"),
        SCHEME,
        AUTHORITY,
        PATH,
        twice[0],
        twice[1],
    ];
    refused(&[(&head, Some(b"abc"))]).await;
    let head = [METHOD, SCHEME, AUTHORITY, PATH, ("content-length", "3")];
    refused(&[(&head, None)]).await;
}

#[tokio::test]
async fn what_is_forwarded_is_one_http_1_1_request() {
    let origin = answering().await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let head = [
        (":method", "POST"),
        SCHEME,
        (":authority", "WWW.example.com:80"),
        (":path", "/a?b"),
        ("cookie", "a=b"),
        ("cookie", "c=d"),
        ("te", "trailers"),
    ];
    let became = send(&proxy, &head, Some(b"abc")).await;
    assert_eq!(became, Became::Answered { ok: true });
    let seen = origin.seen().remove(0);
    assert!(
        seen.text().starts_with("POST /a?b HTTP/1.1\r\n"),
        "{}",
        seen.text()
    );
    assert_eq!(seen.field("host"), ["WWW.example.com:80"]);
    assert_eq!(seen.field("cookie"), ["a=b; c=d"]);
    let framings = (
        seen.field("content-length").len(),
        seen.field("transfer-encoding").len(),
    );
    assert!(matches!(framings, (1, 0) | (0, 1)), "{}", seen.text());
}

/// The head says that there is no content, and is forwarded before any comes: content that comes
/// all the same goes nowhere.
#[tokio::test]
async fn content_that_was_said_not_to_come_is_not_forwarded() {
    let origin = answering().await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let head = [
        (":method", "POST"),
        SCHEME,
        AUTHORITY,
        PATH,
        ("content-length", "0"),
    ];
    send(&proxy, &head, Some(b"GET /evil HTTP/1.1\r\n\r\n")).await;
    let good = send(
        &proxy,
        &[METHOD, SCHEME, AUTHORITY, (":path", "/good")],
        None,
    )
    .await;
    assert_eq!(good, Became::Answered { ok: true });
    assert!(
        origin
            .seen()
            .iter()
            .all(|seen| !seen.text().contains("evil"))
    );
}
