use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Full, combinators::BoxBody};
use proptest::{prelude::*, sample::select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    AtOnce, Client, Limits, RequestBody,
    http1::serve,
    shared::Shared,
    state::State,
    timers::{Phase, Stage},
};

/// Answers by the target what it says: `/<status>/<length>`, and with a body for `?body`.
struct Told {
    opens: bool,
    opened: AtomicUsize,
}

fn told(target: &str) -> Option<(StatusCode, usize, bool)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut words = path.trim_start_matches('/').split('/');
    let status = words.next()?.parse().ok()?;
    let length = words.next()?.parse().ok()?;
    Some((StatusCode::from_u16(status).ok()?, length, query == "body"))
}

fn content(length: usize) -> Bytes {
    (0..length).map(|i| b'a' + (i % 26) as u8).collect()
}

impl Handler for Told {
    type Body = BoxBody<Bytes, std::convert::Infallible>;

    fn at_once(
        &self,
        asked: &Asked<'_>,
        _: &Client,
        reply: Reply<'_>,
    ) -> Option<AtOnce<Self::Body>> {
        let lines = reply.text;
        lines.extend_from_slice(b"date: now\r\nx: ");
        lines.extend_from_slice(asked.host.as_bytes());
        for field in asked
            .fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case("y"))
        {
            lines.extend_from_slice(field.value);
        }
        lines.extend_from_slice(b"\r\n");
        let (status, length, as_body) = told(asked.target).filter(|_| self.opens)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        let has_content = !matches!(status.as_u16(), 204 | 304);
        let content = match asked.is_head || !has_content {
            true => Content::Empty,
            false if as_body => Content::Body(Box::new(BoxBody::new(Full::new(content(length))))),
            false if length % 2 == 1 => {
                reply.end_head.unwrap()(length as u64, lines);
                lines.extend_from_slice(&content(length));
                Content::Written(length as u64)
            }
            false => Content::Bytes(content(length)),
        };
        Some(AtOnce {
            status,
            length: has_content.then_some(length as u64),
            content,
            for_all: true,
        })
    }

    async fn handle(&self, request: Request<RequestBody>, _: Client) -> Response<Self::Body> {
        let (status, length, _) = told(request.uri().path_and_query().unwrap().as_str())
            .unwrap_or((StatusCode::NOT_FOUND, 3, false));
        let mut response = Response::new(BoxBody::new(Full::new(content(length))));
        *response.status_mut() = status;
        let text = |name| request.headers().get(name).map(|v| v.to_str().unwrap());
        let text = format!("{}{}", text("host").unwrap_or(""), text("y").unwrap_or(""));
        let headers = response.headers_mut();
        headers.insert("date", "now".parse().unwrap());
        headers.insert("x", text.parse().unwrap());
        if !matches!(status.as_u16(), 204 | 304) {
            headers.insert("content-length", length.into());
        }
        response
    }
}

fn exchange(opens: bool) -> Exchange<Told> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Exchange {
        handler: Arc::new(Told {
            opens,
            opened: AtomicUsize::new(0),
        }),
        client: Client {
            address,
            local: address,
            tls: false,
            private: false,
            certificate: None,
        },
        shared: Arc::new(Shared::new(Limits::default(), None, None, None, None)),
        state: Arc::new(State::new(Instant::now(), Stage::Http1)),
    }
}

/// What a client gets that sends these bytes, cut at these places, and then FIN.
fn answered(exchange: Exchange<Told>, sent: &[u8], cuts: &[usize], takes: usize) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(takes);
        let serving = tokio::spawn(serve(server, exchange, Arc::new(Limits::default())));
        let (mut reads, mut writes) = tokio::io::split(&mut client);
        let mut got = Vec::new();
        let send = async {
            let mut rest = sent;
            for cut in cuts {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                // The server may have closed already.
                let _ = writes.write_all(piece).await;
                tokio::task::yield_now().await;
                rest = after;
            }
            let _ = writes.write_all(rest).await;
            let _ = writes.shutdown().await;
        };
        let (_, read) = tokio::join!(send, reads.read_to_end(&mut got));
        read.unwrap();
        serving.await.unwrap().unwrap();
        got
    })
}

/// Responses as a client reads them: status, fields in the order of their names, content.
fn read(mut bytes: &[u8], heads: &[bool]) -> Vec<(u16, Vec<String>, Vec<u8>)> {
    let (mut all, mut heads) = (Vec::new(), heads.iter());
    while !bytes.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(bytes).unwrap() else {
            panic!("{}", String::from_utf8_lossy(bytes));
        };
        let said = |f: &httparse::Header| format!("{}: {}", f.name, f.value.escape_ascii());
        let mut fields: Vec<_> = response.headers.iter().map(said).collect();
        fields.sort();
        // Of refusals, it is the clock's.
        fields.retain(|field| !field.starts_with("date: ") || field == "date: now");
        let status = response.code.unwrap();
        let length_of = |line: &String| line.strip_prefix("content-length: ")?.parse().ok();
        let is_last = fields.contains(&"connection: close".to_owned());
        let content = match heads.next() {
            // To what looks like a HEAD and is no request, too.
            _ if is_last => bytes.len() - length,
            Some(true) => 0,
            _ if matches!(status, 204 | 304) => 0,
            _ => fields.iter().find_map(length_of).unwrap_or(0),
        };
        let (this, rest) = bytes[length..].split_at(content);
        all.push((status, fields, this.to_vec()));
        bytes = rest;
    }
    all
}

fn request() -> impl Strategy<Value = (bool, String)> {
    let target = prop_oneof![
        4 => (select(&[200, 200, 204, 304, 404][..]), select(&[0_usize, 1, 255, 256, 257, 3000][..]))
            .prop_map(|(status, length)| format!("/{status}/{length}")),
        1 => (0..200_000_usize).prop_map(|length| format!("/200/{length}?body")),
        1 => select(&["/", "*", "http://a/200/5", "/200/7#x", "/200/7%20|", "/unknown"][..])
            .prop_map(str::to_owned),
    ];
    let fields = select(
        &[
            "",
            "",
            "y: 1\r\n",
            "Y:  2 \r\n",
            "connection: keep-alive\r\n",
            "Connection: close\r\n",
            "connection: y\r\n",
            "host: b\r\n",
            "content-length: 0\r\n",
            "content-length: 3\r\n",
            "transfer-encoding: chunked\r\n",
            "te: trailers\r\n",
            "upgrade: h2c\r\n",
            "y\n",
            "y: 3\n",
            "expect: x\r\n",
        ][..],
    );
    let first = select(&["GET", "GET", "GET", "HEAD", "HEAD", "POST", "get"][..]);
    let version = select(&["1.1", "1.1", "1.1", "1.1", "1.0"][..]);
    let host = select(&["a.example", "a.example", "A:80", "[::1]", "a b", ""][..]);
    (first, target, version, host, fields, any::<bool>()).prop_map(
        |(method, target, version, host, fields, host_first)| {
            let host = format!("host: {host}\r\n");
            let lines = match host_first {
                true => host + fields,
                false => fields.to_owned() + &host,
            };
            let content = match fields {
                "content-length: 3\r\n" => "abc",
                "transfer-encoding: chunked\r\n" => "0\r\n\r\n",
                _ => "",
            };
            let head = format!("{method} {target} HTTP/{version}\r\n{lines}\r\n");
            (method == "HEAD", head + content)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes, a client cannot tell whether there is a door.
    #[test]
    fn the_answers_are_those_without_a_door(
        requests in proptest::collection::vec(request(), 1..12),
        cuts in proptest::collection::vec(1..200_usize, 0..12),
        takes in select(&[64, 1000, 1 << 20][..]),
    ) {
        let heads: Vec<_> = requests.iter().map(|(is_head, _)| *is_head).collect();
        let sent: String = requests.into_iter().map(|(_, text)| text).collect();
        let [with, without] = [true, false].map(|opens| {
            let got = answered(exchange(opens), sent.as_bytes(), &cuts, takes);
            read(&got, &heads)
        });
        prop_assert!(with == without, "{} {}", with.len(), without.len());
    }
}

#[test]
fn requests_of_the_usual_kind_come_to_the_door_and_no_others() {
    let opened = |text: &str| {
        let exchange = exchange(true);
        let handler = Arc::clone(&exchange.handler);
        answered(exchange, text.as_bytes(), &[], 1 << 20);
        handler.opened.load(Ordering::Relaxed)
    };
    let usual = "GET /200/5 HTTP/1.1\r\nAccept: */*\r\nHost: a\r\nconnection: Keep-Alive\r\n\r\n";
    assert_eq!(opened(&usual.repeat(3)), 3);
    assert_eq!(opened("HEAD /304/0 HTTP/1.1\r\nhost: a\r\n\r\n"), 1);
    for other in [
        "POST /200/5 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /200/5 HTTP/1.0\r\nhost: a\r\n\r\n",
        "GET http://a/200/5 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /200/5 HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        "GET /200/5 HTTP/1.1\r\n\r\n",
        "GET /200/5 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "GET /200/5 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
        "GET /200/5 HTTP/1.1\r\nhost: a\r\nupgrade: x\r\n\r\n",
        "GET /200/5 HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
    ] {
        assert_eq!(opened(other), 0, "{other}");
    }
}

#[test]
fn any_status_takes_the_place_of_the_usual_one() {
    for status in (100..1000).filter_map(|status| StatusCode::from_u16(status).ok()) {
        let mut text = b"before ".to_vec();
        text.extend_from_slice(OK);
        text.extend_from_slice(b"a: b\r\n");
        put_status(status, b"before ".len(), &mut text);
        let mut told = b"before ".to_vec();
        encode::status_line(status, &mut told);
        told.extend_from_slice(b"a: b\r\n");
        assert_eq!(text, told, "{status}");
    }
}

#[test]
fn who_leaves_says_so_in_each_answer() {
    let exchange = exchange(true);
    exchange.shared.turn_away(true);
    let get = "GET /200/5 HTTP/1.1\r\nhost: a\r\n\r\n";
    let got = read(
        &answered(exchange, get.repeat(2).as_bytes(), &[], 1 << 20),
        &[],
    );
    assert_eq!(got.len(), 1, "it is the last one");
    assert!(
        got[0].1.contains(&"connection: close".to_owned()),
        "{got:?}"
    );
}

#[test]
fn a_connection_is_in_use_but_not_busy_after_an_answer() {
    let exchange = exchange(true);
    let state = Arc::clone(&exchange.state);
    answered(
        exchange,
        b"GET /200/5 HTTP/1.1\r\nhost: a\r\n\r\nGET /2",
        &[],
        1 << 20,
    );
    let view = state.view(Phase::Serving);
    assert!(view.used && view.active == 0);
    assert!(view.head.is_some(), "of the next one, some has come");
}
