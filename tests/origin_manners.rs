//! Origins with bad manners: whatever they say, the client gets a right answer or a visible
//! failure, nothing false is stored, and the next request gets its own answer.

use std::sync::Arc;

use http::{Method, StatusCode};

use crate::{
    harness::{
        client::{Answer, ask, get},
        raw_client::RawClient,
        raw_origin::{RawOrigin, Seen, Then},
    },
    one_proxy::Proxy,
};

const HOST: &str = "www.example.com";

/// What the client is to see.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sees {
    /// This status and content, the second time out of the store.
    Gets(u16, &'static str),
    /// 502, and never out of the store.
    BadGateway,
    /// A head, and content that breaks off; never out of the store.
    Broken,
}

use Sees::{BadGateway, Broken, Gets};

struct Case {
    name: &'static str,
    says: Vec<u8>,
    then: Then,
    sees: Sees,
}

/// An answer that may be stored: what a case says goes between the status and the empty line.
fn case(name: &'static str, fields: &str, content: &str, sees: Sees) -> Case {
    let head = format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{fields}\r\n\r\n");
    let says = [head.as_bytes(), content.as_bytes()].concat();
    Case {
        name,
        says,
        then: Then::KeepOn,
        sees,
    }
}

fn bytes(name: &'static str, says: &[u8], sees: Sees) -> Case {
    Case {
        name,
        says: says.to_vec(),
        then: Then::KeepOn,
        sees,
    }
}

impl Case {
    fn and_closes(mut self) -> Self {
        self.then = Then::Close;
        self
    }
}

fn good(path: &str) -> Vec<u8> {
    let length = path.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}").into_bytes()
}

/// Mounts each case twice, with a good request after each time. An idle connection is kept by the
/// proxy whenever it can be, so what a case leaves behind would meet the good request.
async fn mount(cases: Vec<Case>) {
    let cases = Arc::new(cases);
    let script = Arc::clone(&cases);
    let origin = RawOrigin::answering(move |seen: &Seen| {
        let target = seen.target();
        let number = target.strip_prefix("/case-").and_then(|n| n.parse().ok());
        match number.and_then(|number: usize| script.get(number)) {
            Some(case) => (case.says.clone(), case.then),
            None => (good(&target), Then::KeepOn),
        }
    })
    .await;
    let mut proxy = Proxy::start(&origin.url(), &[]).await;
    for (number, case) in cases.iter().enumerate() {
        for time in 1..=2 {
            let name = format!("{}, time {time}", case.name);
            let path = format!("/case-{number}");
            let answer = get(proxy.address, HOST, &path).try_send().await;
            check(&name, case.sees, time, answer);
            let path = format!("/good-{number}-{time}");
            let good = get(proxy.address, HOST, &path).send().await;
            assert_eq!((good.status.as_u16(), good.text()), (200, &*path), "{name}");
        }
    }
    assert!(proxy.process.is_running());
}

fn check(name: &str, sees: Sees, time: u8, answer: Result<Answer, String>) {
    match (sees, answer) {
        (Gets(status, content), Ok(answer)) => {
            assert_eq!(answer.status.as_u16(), status, "{name}: {answer:?}");
            assert_eq!(answer.text(), content, "{name}");
            assert_eq!(answer.is_hit(), time == 2, "{name}: {answer:?}");
        }
        (BadGateway, Ok(answer)) => {
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{name}: {answer:?}");
        }
        (Broken, Err(_)) => {}
        (_, answer) => panic!("{name}: {answer:?}"),
    }
}

#[tokio::test]
async fn lengths() {
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let long = format!("ok{evil}");
    let mut cases = vec![
        case(
            "surplus bytes",
            "content-length: 2",
            "okay",
            Gets(200, "ok"),
        ),
        case(
            "a surplus response",
            "content-length: 2",
            &long,
            Gets(200, "ok"),
        ),
        case("too few bytes", "content-length: 9", "short", Broken).and_closes(),
        case("a length and no content", "content-length: 9", "", Broken).and_closes(),
        case(
            "one length in two lines",
            "content-length: 2\r\ncontent-length: 2",
            "ok",
            Gets(200, "ok"),
        ),
        case(
            "one length in a list",
            "content-length: 2, 2",
            "ok",
            Gets(200, "ok"),
        ),
        case(
            "two lengths",
            "content-length: 2\r\ncontent-length: 9",
            "ok",
            BadGateway,
        ),
        case(
            "two lengths in a list",
            "content-length: 2, 9",
            "ok",
            BadGateway,
        ),
    ];
    for length in [
        "-2",
        "+2",
        "2 2",
        "0x2",
        "2.0",
        "two",
        "",
        "2,",
        "18446744073709551618",
        "99999999999999999999999999",
    ] {
        let fields = format!("content-length: {length}");
        cases.push(case(
            "a length that is no number",
            &fields,
            "ok",
            BadGateway,
        ));
    }
    mount(cases).await;
}

#[tokio::test]
async fn codings() {
    let chunked = "transfer-encoding: chunked";
    let whole = Gets(200, "ok");
    let bomb = format!("2;{}\r\nok\r\n0\r\n\r\n", "x".repeat(32 << 10));
    let mut cases = vec![
        case("chunks", chunked, "1\r\no\r\n1\r\nk\r\n0\r\n\r\n", whole),
        case(
            "in capitals",
            "Transfer-Encoding: CHUNKED",
            "2\r\nok\r\n0\r\n\r\n",
            whole,
        ),
        case(
            "an extension",
            chunked,
            "2;a=b;c=\"d\"\r\nok\r\n0;x\r\n\r\n",
            whole,
        ),
        case(
            "a trailer",
            chunked,
            "2\r\nok\r\n0\r\nx-a: 1\r\n\r\n",
            whole,
        ),
        case(
            "surplus after chunks",
            chunked,
            "2\r\nok\r\n0\r\n\r\nokay",
            whole,
        ),
        case("too long an extension", chunked, &bomb, Broken).and_closes(),
        case(
            "a line feed in an extension",
            chunked,
            "2;a\nb\r\nok\r\n0\r\n\r\n",
            Broken,
        )
        .and_closes(),
        case("no last chunk", chunked, "2\r\nok\r\n", Broken).and_closes(),
        case(
            "no end after the last chunk",
            chunked,
            "2\r\nok\r\n0\r\n",
            Broken,
        )
        .and_closes(),
        case("half a chunk", chunked, "9\r\nok", Broken).and_closes(),
        case(
            "a chunk longer than its size",
            chunked,
            "1\r\nok\r\n0\r\n\r\n",
            Broken,
        )
        .and_closes(),
    ];
    for size in ["g", "-2", "+2", "0x2", " 2", "", "fffffffffffffffff", "2 2"] {
        let content = format!("{size}\r\nok\r\n0\r\n\r\n");
        cases.push(case("a size that is no number", chunked, &content, Broken).and_closes());
    }
    for coding in [
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        "chunked, identity",
        "identity",
        "xchunked",
        "chunked;q=1",
        "",
        "chunked\r\ntransfer-encoding: chunked",
        "chunked\r\ncontent-length: 2",
    ] {
        let fields = format!("transfer-encoding: {coding}");
        let content = "2\r\nok\r\n0\r\n\r\n";
        cases.push(case("not chunked alone", &fields, content, BadGateway));
    }
    let unknown = case(
        "no coding at all",
        "transfer-encoding: foo",
        "ok",
        Gets(200, "ok"),
    );
    cases.push(unknown.and_closes());
    mount(cases).await;
}

#[tokio::test]
async fn heads() {
    let many = "x-a: 1\r\n".repeat(500) + "content-length: 2";
    let large = format!("x-a: {}\r\ncontent-length: 2", "y".repeat(200 << 10));
    let whole = Gets(200, "ok");
    let bad = |name, field: &str| {
        let fields = format!("content-length: 2\r\n{field}");
        case(name, &fields, "ok", BadGateway)
    };
    mount(vec![
        case(
            "white space before the colon",
            "content-length : 2",
            "ok",
            whole,
        ),
        case(
            "a folded line",
            "x-a: b\r\n c\r\ncontent-length: 2",
            "ok",
            whole,
        ),
        bytes(
            "bare line feeds",
            b"HTTP/1.1 200 OK\ncache-control: max-age=60\ncontent-length: 2\n\nok",
            whole,
        ),
        bad("a bare carriage return", "x-a: b\rc"),
        bad("a NUL in a value", "x-a: b\0c"),
        bad("a control character", "x-a: b\x01c"),
        bad("a NUL in a name", "x\0a: b"),
        bad("a space in a name", "x a: b"),
        bad("no name", ": b"),
        bad("no colon", "x-a"),
        case("too many fields", &many, "ok", BadGateway),
        case("too large a head", &large, "ok", BadGateway),
        bytes("HTTP/0.9", b"ok", BadGateway).and_closes(),
        bytes(
            "a version to come",
            b"HTTP/1.9 200 OK\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
        bytes(
            "HTTP/2 in words",
            b"HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
        bytes(
            "another protocol",
            b"ICY 200 OK\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
        bytes(
            "half a status",
            b"HTTP/1.1 20\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
        bytes(
            "no status",
            b"HTTP/1.1 OK\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
        bytes("nothing", b"", BadGateway).and_closes(),
        bytes(
            "half a head",
            b"HTTP/1.1 200 OK\r\ncache-control: max-a",
            BadGateway,
        )
        .and_closes(),
    ])
    .await;
}

#[tokio::test]
async fn versions_and_closes() {
    let old = |fields: &str| {
        format!("HTTP/1.0 200 OK\r\ncache-control: max-age=60\r\n{fields}\r\nok").into_bytes()
    };
    let whole = Gets(200, "ok");
    mount(vec![
        // RFC 9112 section 8: what the close ends is complete if the close is clean.
        bytes("HTTP/1.0 until the close", &old(""), whole).and_closes(),
        case("HTTP/1.1 until the close", "x-a: 1", "ok", whole).and_closes(),
        bytes(
            "HTTP/1.0 with a length",
            &old("content-length: 2\r\n"),
            whole,
        ),
        bytes(
            "HTTP/1.0 that keeps on",
            &old("connection: keep-alive\r\ncontent-length: 2\r\n"),
            whole,
        ),
        bytes(
            "HTTP/1.0 in chunks",
            &old("transfer-encoding: chunked\r\n"),
            BadGateway,
        )
        .and_closes(),
        case(
            "a close after the response",
            "connection: close\r\ncontent-length: 2",
            "ok",
            whole,
        )
        .and_closes(),
        case(
            "a close that is only said",
            "connection: close\r\ncontent-length: 2",
            "ok",
            whole,
        ),
    ])
    .await;
}

#[tokio::test]
async fn statuses() {
    let ok = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nok";
    let after = |first: &[u8], times| [first.repeat(times).as_slice(), ok].concat();
    let none = Gets(204, "");
    let empty = |fields: &str, content: &str| {
        let head = format!("HTTP/1.1 204 No Content\r\ncache-control: max-age=60\r\n{fields}\r\n");
        [head.as_bytes(), content.as_bytes()].concat()
    };
    mount(vec![
        bytes(
            "100",
            &after(b"HTTP/1.1 100 Continue\r\n\r\n", 1),
            Gets(200, "ok"),
        ),
        bytes(
            "102 with fields",
            &after(b"HTTP/1.1 102 P\r\nx-a: 1\r\n\r\n", 3),
            Gets(200, "ok"),
        ),
        bytes(
            "1xx without end",
            &after(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", 100_000),
            BadGateway,
        ),
        bytes(
            "101 unasked",
            &after(b"HTTP/1.1 101 S\r\nupgrade: x\r\n\r\n", 1),
            BadGateway,
        ),
        bytes(
            "204 with a length",
            &empty("content-length: 4\r\n", ""),
            none,
        ),
        bytes(
            "204 with content",
            &empty("content-length: 4\r\n", "evil"),
            none,
        ),
        bytes(
            "204 with an answer",
            &empty("content-length: 64\r\n", "HTTP/1.1 200 OK\r\n"),
            none,
        ),
        bytes(
            "204 in chunks",
            &empty("transfer-encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
            none,
        ),
        bytes(
            "304 unasked",
            b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n",
            BadGateway,
        ),
        bytes(
            "304 with content",
            b"HTTP/1.1 304 N\r\ncontent-length: 4\r\n\r\nevil",
            BadGateway,
        ),
        bytes(
            "status 99",
            b"HTTP/1.1 099 X\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
        bytes(
            "status 1000",
            b"HTTP/1.1 1000 X\r\ncontent-length: 2\r\n\r\nok",
            BadGateway,
        ),
    ])
    .await;
}

/// What a node writes of a bad head is good: raw bytes, as a client reads them.
#[tokio::test]
async fn what_is_passed_on_is_written_afresh() {
    let origin = RawOrigin::answering(|seen| {
        let says: &[u8] = match seen.target().as_str() {
            "/lengths" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length : 2\r\n\r\nok",
            "/folded" => b"HTTP/1.1 200 OK\r\nx-a: b\r\n\t c\r\ncontent-length: 2\r\n\r\nok",
            "/feeds" => b"HTTP/1.1 200 OK\nx-a:b\ncontent-length: 2\n\nok",
            "/204" => b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2;x\r\nok\r\n0\r\n\r\n",
        };
        (says.to_vec(), Then::KeepOn)
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for (path, has) in [
        ("/lengths", "\r\ncontent-length: 2\r\n"),
        ("/folded", "\r\nx-a: b c\r\n"),
        ("/feeds", "\r\nx-a: b\r\n"),
        ("/204", "HTTP/1.1 204 No Content\r\n"),
        ("/chunks", "\r\ntransfer-encoding: chunked\r\n"),
    ] {
        let mut client = RawClient::connect(proxy.address).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
        client.write(request.as_bytes()).await;
        let answer = client.until_closed().await;
        assert!(answer.contains(has), "{path}: {answer}");
        let lower = answer.to_lowercase();
        let framings = lower.matches("\r\ncontent-length:").count()
            + lower.matches("\r\ntransfer-encoding:").count();
        assert_eq!(framings, usize::from(path != "/204"), "{path}: {answer}");
        assert!(
            !answer.replace("\r\n", "").contains(['\n', '\r']),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_head_with_content_poisons_nothing() {
    let origin = RawOrigin::answering(|seen| {
        let target = seen.target();
        if !seen.text().starts_with("HEAD") {
            return (good(&target), Then::KeepOn);
        }
        let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
        let length = evil.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{evil}");
        (head.into_bytes(), Then::KeepOn)
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for n in 0..20 {
        let path = format!("/head-{n}");
        let head = ask(Method::HEAD, proxy.address, HOST, &path).send().await;
        assert_eq!((head.status, head.text()), (StatusCode::OK, ""));
        let path = format!("/get-{n}");
        let after = get(proxy.address, HOST, &path).send().await;
        assert_eq!(after.text(), path);
    }
}

#[tokio::test]
async fn a_304_for_something_else_is_not_believed() {
    let origin = RawOrigin::answering(|seen| {
        let conditional = !seen.field("if-none-match").is_empty();
        let says: &[u8] = match (conditional, seen.target().as_str()) {
            (true, "/other") => b"HTTP/1.1 304 Not Modified\r\netag: \"other\"\r\n\r\n",
            (true, _) => b"HTTP/1.1 304 Not Modified\r\netag: \"mine\"\r\n\r\n",
            (false, _) => {
                b"HTTP/1.1 200 OK\r\netag: \"mine\"\r\ncache-control: max-age=0\r\ncontent-length: 2\r\n\r\nok"
            }
        };
        (says.to_vec(), Then::KeepOn)
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for (path, requests) in [("/same", 2), ("/other", 3)] {
        for _ in 0..2 {
            let answer = get(proxy.address, HOST, path).send().await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, "ok"),
                "{path}"
            );
        }
        let seen = origin.seen();
        let asked = seen.iter().filter(|seen| seen.target() == path).count();
        assert_eq!(asked, requests, "{path}");
    }
}

/// To a method that is passed on, a 304 says as little when no condition was sent.
#[tokio::test]
async fn a_304_to_an_unconditional_head_is_an_error() {
    let says = b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n";
    let origin = RawOrigin::start(says, Then::KeepOn).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let head = ask(Method::HEAD, proxy.address, HOST, "/").send().await;
    assert_eq!(head.status, StatusCode::BAD_GATEWAY);
    let asked = ask(Method::HEAD, proxy.address, HOST, "/").with("if-none-match", "\"a\"");
    assert_eq!(asked.send().await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_connection_names_goes_no_further_and_is_not_stored() {
    let origin = RawOrigin::start(
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: X-One, x-two\r\n\
          connection: keep-alive, cache-control, content-length\r\nx-one: 1\r\nx-two: 2\r\n\
          x-three: 3\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\ncontent-length: 2\r\n\r\nok",
        Then::KeepOn,
    )
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for time in 0..2 {
        let answer = get(proxy.address, HOST, "/").send().await;
        assert_eq!(answer.is_hit(), time == 1, "{answer:?}");
        assert_eq!((answer.text(), &*answer.field("x-three")), ("ok", "3"));
        assert_eq!(answer.field("cache-control"), "max-age=60");
        for gone in [
            "x-one",
            "x-two",
            "keep-alive",
            "proxy-connection",
            "connection",
        ] {
            assert_eq!(answer.field(gone), "", "{gone}: {answer:?}");
        }
    }
}
