//! An origin whose every path has a body of one length, with the fields that origins send.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub(crate) async fn start(length: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let body = Bytes::from(vec![b'x'; length]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let body = body.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let body = body.clone();
                async move { Ok::<_, Infallible>(respond(&request, body)) }
            });
            let stream = TokioIo::new(stream);
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
            tokio::spawn(async move {
                let _ = served.await;
            });
        }
    });
    address
}

fn respond(request: &Request<Incoming>, body: Bytes) -> Response<Full<Bytes>> {
    let etag = format!("\"{:x}\"", request.uri().path().len() * 7919);
    Response::builder()
        .header("cache-control", "public, max-age=86400")
        .header("content-type", "text/plain; charset=utf-8")
        .header("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        .header("etag", etag)
        .header("server", "origin")
        .body(Full::new(body))
        .expect("a response")
}
