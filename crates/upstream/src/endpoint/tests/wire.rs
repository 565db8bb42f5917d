//! What goes over the connection, byte by byte, and when a connection is kept.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    Body, Endpoint, Head, Limits, OnInterim, SendErrorKind, body,
    testing::{LONG, endpoint, endpoint_with, get, read_head, scripted, text, url_target},
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A body of these frames.
fn frames(frames: Vec<Frame<Bytes>>) -> Body {
    let frames = frames.into_iter().map(Ok::<_, io::Error>);
    body::boxed(StreamBody::new(futures_util::stream::iter(frames)))
}

fn post(body: Body) -> Request<Body> {
    let request = Request::post("/").header("host", "www.example");
    request.body(body).unwrap()
}

/// An origin that answers every request on a connection with this, and how many connections it had.
async fn says(what: &'static [u8]) -> (Arc<Endpoint>, Arc<AtomicUsize>) {
    let (addr, accepted) = scripted(move |mut stream, _| async move {
        while !read_head(&mut stream).await.is_empty() {
            stream.write_all(what).await.unwrap();
        }
    })
    .await;
    (endpoint(addr), accepted)
}

/// An endpoint, and what its origin has read of one request up to these bytes.
async fn overheard(end: &'static [u8]) -> (Arc<Endpoint>, oneshot::Receiver<String>) {
    let (heard, hears) = oneshot::channel();
    let heard = Mutex::new(Some(heard));
    let (addr, _) = scripted(move |mut stream, _| {
        let heard = heard.lock().unwrap().take();
        async move {
            let mut came = Vec::new();
            while !came.ends_with(end) {
                came.push(stream.read_u8().await.unwrap());
            }
            let _ = heard.map(|heard| heard.send(String::from_utf8(came).unwrap()));
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    (endpoint(addr), hears)
}

#[tokio::test]
async fn what_has_no_length_goes_in_chunks_with_its_trailers() {
    let (endpoint, heard) = overheard(b"x-sum: 7\r\n\r\n").await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("7"));
    trailers.insert("content-length", HeaderValue::from_static("9"));
    let pieces = vec![
        Frame::data(Bytes::from("hello ")),
        Frame::data(Bytes::new()),
        Frame::data(Bytes::from("world, hello")),
        Frame::trailers(trailers),
    ];
    let response = endpoint.send(post(frames(pieces))).await.unwrap();
    assert_eq!(text(response).await, "ok");
    let heard = heard.await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with("transfer-encoding: chunked"), "{head}");
    let chunks = "6\r\nhello \r\nc\r\nworld, hello\r\n0\r\nx-sum: 7\r\n\r\n";
    assert_eq!(body, chunks);
}

#[tokio::test]
async fn what_has_a_length_goes_as_it_is() {
    let (endpoint, heard) = overheard(b"hello world").await;
    let pieces = ["hello ", "world"].map(|text| Frame::data(Bytes::from(text)));
    let mut request = post(frames(Vec::from(pieces)));
    let length = HeaderValue::from_static("11");
    request.headers_mut().insert("content-length", length);
    let response = endpoint.send(request).await.unwrap();
    assert_eq!(text(response).await, "ok");
    let heard = heard.await.unwrap();
    assert!(heard.contains("content-length: 11\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\nhello world"), "{heard}");
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_was_said_is_no_request() {
    for length in ["4", "6"] {
        let (endpoint, _) = says(OK).await;
        let mut request = post(frames(vec![Frame::data(Bytes::from("hello"))]));
        let length = HeaderValue::from_static(length);
        request.headers_mut().insert("content-length", length);
        // The origin answers the head. Which of the two is seen first is up to chance.
        match endpoint.send(request).await {
            Err(error) => assert_eq!(error.kind, SendErrorKind::Request, "{error}"),
            Ok(response) => {
                let _ = response.into_body().collect().await;
            }
        }
    }
}

/// Requests one after the other; how many connections they took, and what they were answered.
async fn asked_twice(what: &'static [u8], method: Method) -> (usize, String) {
    let (endpoint, accepted) = says(what).await;
    let mut said = String::new();
    for _ in 0..2 {
        let mut request = get("/");
        *request.method_mut() = method.clone();
        let response = endpoint.send(request).await.unwrap();
        assert_eq!(response.headers().get("transfer-encoding"), None);
        said += &text(response).await;
    }
    (accepted.load(SeqCst), said)
}

#[tokio::test]
async fn a_connection_is_kept_where_the_end_of_the_response_is_known() {
    for what in [
        OK,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x\r\no\r\n01  \r\nk\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 103 Early\r\nlink: <a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let shown = String::from_utf8_lossy(what);
        let seen = asked_twice(what, Method::GET).await;
        assert_eq!(seen, (1, "okok".to_owned()), "{shown}");
    }
    for what in [
        &b"HTTP/1.1 204 No Content\r\n\r\n"[..],
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\n",
    ] {
        assert_eq!(asked_twice(what, Method::GET).await, (1, String::new()));
    }
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    assert_eq!(asked_twice(long, Method::HEAD).await, (1, String::new()));
}

#[tokio::test]
async fn a_connection_is_not_kept_where_the_response_forbids_it() {
    for what in [
        &b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"[..],
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok!",
    ] {
        let shown = String::from_utf8_lossy(what);
        let seen = asked_twice(what, Method::GET).await;
        assert_eq!(seen, (2, "okok".to_owned()), "{shown}");
    }
    let announced = b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n";
    assert_eq!(asked_twice(announced, Method::GET).await.0, 2);
}

#[tokio::test]
async fn without_a_length_a_body_ends_with_its_connection() {
    let (addr, accepted) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let says = b"HTTP/1.1 200 OK\r\n\r\nall ";
        stream.write_all(says).await.unwrap();
        stream.write_all(b"of it").await.unwrap();
    })
    .await;
    let endpoint = endpoint(addr);
    for nth in 1..=2 {
        let response = endpoint.send(get("/")).await.unwrap();
        assert_eq!(text(response).await, "all of it");
        assert_eq!(accepted.load(SeqCst), nth);
    }
}

#[tokio::test]
async fn trailers_of_a_response_are_handed_on_but_for_those_that_must_not_be() {
    let says_trailers = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\nset-cookie: a=b\r\n\r\n";
    let (endpoint, _) = says(says_trailers).await;
    let response = endpoint.send(get("/")).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().unwrap();
    assert_eq!(
        (trailers.len(), &trailers["x-sum"]),
        (1, &HeaderValue::from_static("7"))
    );
}

#[derive(Debug, Default)]
struct Links(Mutex<Vec<(u16, String)>>);

impl OnInterim for Links {
    fn tell(&self, status: StatusCode, fields: &HeaderMap) {
        let link = fields["link"].to_str().unwrap().to_owned();
        self.0.lock().unwrap().push((status.as_u16(), link));
    }
}

#[tokio::test]
async fn interim_responses_are_told_and_counted() {
    let two = b"HTTP/1.1 103 Early\r\nlink: <a>\r\n\r\nHTTP/1.1 103 Early\r\nlink: <b>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    for max_interim in [2, 1] {
        let (addr, _) = scripted(move |mut stream, _| async move {
            read_head(&mut stream).await;
            stream.write_all(two).await.unwrap();
            let _ = stream.read_u8().await;
        })
        .await;
        let limits = Limits {
            max_interim,
            ..Limits::default()
        };
        let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
        let told = Links::default();
        let (parts, body) = get("/").into_parts();
        let head = Head {
            request: &parts.into(),
            interim: Some(&told),
            takes_whole: false,
        };
        let sent = endpoint.send_head(head, body).await;
        let both = [(103, "<a>".to_owned()), (103, "<b>".to_owned())];
        assert_eq!(*told.0.lock().unwrap(), both[..max_interim]);
        match sent {
            Ok(came) => assert_eq!(text(came.into_response()).await, "ok"),
            Err(error) => {
                assert_eq!((max_interim, error.kind), (1, SendErrorKind::Invalid));
            }
        }
    }
}

/// Ends when the other side has closed the connection.
async fn closed(stream: &mut TcpStream) -> bool {
    let read = timeout(LONG, stream.read_to_end(&mut Vec::new())).await;
    read.is_ok_and(|read| read.is_ok())
}

#[tokio::test]
async fn an_idle_connection_that_the_origin_closes_is_closed_at_once() {
    let (seen, sees) = oneshot::channel();
    let seen = Mutex::new(Some(seen));
    let (addr, _) = scripted(move |mut stream, _| {
        let seen = seen.lock().unwrap().take();
        async move {
            read_head(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = seen.unwrap().send(closed(&mut stream).await);
        }
    })
    .await;
    let limits = Limits {
        idle_timeout: LONG * 10,
        ..Limits::default()
    };
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
    assert_eq!(text(endpoint.send(get("/")).await.unwrap()).await, "ok");
    assert!(sees.await.unwrap(), "long before it is too old");
}

#[tokio::test]
async fn idle_connections_are_closed_in_time_and_are_not_too_many() {
    let (seen, mut sees) = mpsc::channel(3);
    let (addr, _) = scripted(move |mut stream, _| {
        let seen = seen.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            seen.send(closed(&mut stream).await).await.unwrap();
        }
    })
    .await;
    let limits = |max_idle, idle_timeout| Limits {
        max_idle,
        idle_timeout,
        ..Limits::default()
    };
    for limits in [limits(64, Duration::from_millis(50)), limits(0, LONG * 10)] {
        let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
        let three = (0..3).map(|_| endpoint.send(get("/")));
        for response in futures_util::future::join_all(three).await {
            assert_eq!(text(response.unwrap()).await, "ok");
        }
        for _ in 0..3 {
            assert!(sees.recv().await.unwrap());
        }
    }
}

/// A request body that comes from the other end of a channel.
fn channel() -> (mpsc::Sender<&'static str>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let piece: &'static str = receiver.recv().await?;
        Some((
            Ok::<_, io::Error>(Frame::data(Bytes::from(piece))),
            receiver,
        ))
    });
    (sender, body::boxed(StreamBody::new(Box::pin(frames))))
}

#[tokio::test]
async fn a_request_goes_on_beside_its_response_and_after_it() {
    for length in ["2", "9"] {
        let (heard, hears) = oneshot::channel();
        let heard = Mutex::new(Some(heard));
        let (addr, _) = scripted(move |mut stream, _| {
            let heard = heard.lock().unwrap().take();
            async move {
                read_head(&mut stream).await;
                let says = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nok");
                stream.write_all(says.as_bytes()).await.unwrap();
                let mut came = Vec::new();
                while !came.ends_with(b"\r\n0\r\n\r\n") {
                    came.push(stream.read_u8().await.unwrap());
                }
                let _ = stream.write_all(b", thanks").await;
                let _ = heard.unwrap().send(String::from_utf8(came).unwrap());
            }
        })
        .await;
        let endpoint = endpoint(addr);
        let (sender, body) = channel();
        sender.send("one").await.unwrap();
        let sent = timeout(LONG, endpoint.send(post(body))).await;
        let response = sent.expect("before the request has ended").unwrap();
        let mut response = response.into_body();
        let first = response.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "ok");
        sender.send("two").await.unwrap();
        drop(sender);
        assert_eq!(hears.await.unwrap(), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
        let rest = response.collect().await.unwrap().to_bytes();
        let expected = if length == "2" { "" } else { ", thank" };
        assert_eq!(rest, expected);
    }
}
