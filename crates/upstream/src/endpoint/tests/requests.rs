//! What the origin gets to see.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};

use crate::{
    Body, Limits, SendErrorKind, body,
    testing::{LONG, endpoint, endpoint_with, get, read_head, scripted, serve, text, url_target},
};

async fn echo(request: Request<Bytes>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let host = parts.headers.get("host").map(|host| host.to_str().unwrap());
    let body = String::from_utf8_lossy(&body);
    let seen = format!("{} {} {host:?} {body}", parts.method, parts.uri);
    Response::new(body::full(seen))
}

/// A request body that comes from the other end of a channel.
fn channel() -> (mpsc::Sender<io::Result<&'static str>>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let piece: io::Result<&'static str> = receiver.recv().await?;
        let frame = piece.map(|text| Frame::data(Bytes::from(text)));
        Some((frame, receiver))
    });
    (sender, body::boxed(StreamBody::new(Box::pin(frames))))
}

#[tokio::test]
async fn paths_go_below_the_base() {
    let addr = serve(echo).await;
    for (base, path, seen) in [
        ("", "/a?b=c", "/a?b=c"),
        ("/", "/", "/"),
        ("/app", "/a?b=c", "/app/a?b=c"),
        ("/app/", "/", "/app/"),
        ("/app", "/%2e%2e/a", "/app/%2e%2e/a"),
        ("", "//two/slashes", "//two/slashes"),
    ] {
        let base = url_target(&format!("http://{addr}{base}"));
        let endpoint = endpoint_with(base, Limits::default());
        let response = endpoint.send(get(path)).await.unwrap();
        let expected = format!("GET {seen} Some(\"www.example\") ");
        assert_eq!(text(response).await, expected);
    }
}

#[tokio::test]
async fn versions_of_the_client_do_not_matter() {
    let endpoint = endpoint(serve(echo).await);
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        let mut request = get("/");
        *request.version_mut() = version;
        assert!(endpoint.send(request).await.is_ok(), "{version:?}");
    }
}

#[tokio::test]
async fn options_for_the_whole_server() {
    let endpoint = endpoint(serve(echo).await);
    let mut request = get("*");
    *request.method_mut() = Method::OPTIONS;
    let response = endpoint.send(request).await.unwrap();
    assert!(text(response).await.starts_with("OPTIONS * "));
}

#[tokio::test]
async fn connect_is_not_forwarded() {
    let endpoint = endpoint(serve(echo).await);
    let mut request = get("/");
    *request.method_mut() = Method::CONNECT;
    let error = endpoint.send(request).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Request);
    assert!(!error.kind.blames_endpoint());
}

#[tokio::test]
async fn localhost_by_name() {
    let addr = serve(echo).await;
    let base = url_target(&format!("http://localhost:{}", addr.port()));
    let endpoint = endpoint_with(base, Limits::default());
    let response = endpoint.send(get("/")).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_slow_upload_is_not_cut() {
    let addr = serve(echo).await;
    let limits = Limits {
        first_byte_timeout: Duration::from_millis(60),
        ..Limits::default()
    };
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
    let (sender, body) = channel();
    tokio::spawn(async move {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            sender.send(Ok("piece ")).await.unwrap();
        }
    });
    let request = Request::post("/").body(body).unwrap();
    let response = endpoint.send(request).await.unwrap();
    assert!(text(response).await.ends_with("piece piece piece "));
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_not_the_origins_fault() {
    let endpoint = endpoint(serve(echo).await);
    let (sender, body) = channel();
    tokio::spawn(async move {
        sender.send(Ok("piece ")).await.unwrap();
        let gone = io::Error::other("client is gone");
        sender.send(Err(gone)).await.unwrap();
    });
    let request = Request::post("/").body(body).unwrap();
    let error = endpoint.send(request).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Request, "{error}");
    assert!(error.detail.contains("client is gone"), "{error}");
}

#[tokio::test]
async fn an_origin_that_does_not_read_on_is_given_up() {
    let (addr, _) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(LONG).await;
    })
    .await;
    let limits = Limits {
        first_byte_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
    let (sender, body) = channel();
    // More than all buffers on the way hold: ends when the body is dropped.
    let piece: &str = Box::leak("x".repeat(1 << 20).into_boxed_str());
    tokio::spawn(async move { while sender.send(Ok(piece)).await.is_ok() {} });
    let sent = endpoint.send(Request::post("/").body(body).unwrap());
    let error = timeout(LONG, sent).await.expect("it ends").unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn an_answer_may_come_before_the_end_of_the_upload() {
    let (addr, _) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let says = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nno\n";
        stream.write_all(says).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let endpoint = endpoint(addr);
    let (sender, body) = channel();
    sender.send(Ok("piece")).await.unwrap();
    let sent = endpoint.send(Request::post("/").body(body).unwrap());
    let response = timeout(LONG, sent).await.expect("it ends").unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text(response).await, "no\n");
}
