//! Origins for tests: real sockets, some with good manners, some without.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{Body, Endpoint, EndpointConfig, Limits, Target, body};

/// Longer than anything here should take.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn url_target(base: &str) -> Target {
    Target::Url {
        base: base.parse().unwrap(),
        host: None,
        sni: None,
        ca_file: None,
    }
}

pub(crate) fn endpoint_with(target: Target, limits: Limits) -> Arc<Endpoint> {
    let name = "www".into();
    Endpoint::new(EndpointConfig {
        name,
        target,
        limits,
    })
    .unwrap()
}

/// An endpoint over plain http with default limits.
pub(crate) fn endpoint(addr: SocketAddr) -> Arc<Endpoint> {
    endpoint_with(url_target(&format!("http://{addr}")), Limits::default())
}

pub(crate) fn get(path: &str) -> Request<Body> {
    let request = Request::get(path).header("host", "www.example");
    request.body(body::empty()).unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = timeout(LONG, response.into_body().collect());
    let bytes = bytes.await.expect("the body ends").unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = timeout(LONG, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// An HTTP/1.1 server by hyper; `answer` sees the whole request body.
pub(crate) async fn serve<F, A>(answer: F) -> SocketAddr
where
    F: Fn(Request<Bytes>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(stream, answer.clone()));
        }
    });
    addr
}

pub(crate) async fn serve_connection<S, F, A>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Bytes>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.map_or(Bytes::new(), |b| b.to_bytes());
            Ok::<_, Infallible>(answer(Request::from_parts(parts, bytes)).await)
        }
    });
    // What becomes of the connection is the client's to judge.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// A server that runs a script on each connection, and how many it has accepted.
pub(crate) async fn scripted<F, S>(script: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream, usize) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let nth = count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(script(stream, nth));
        }
    });
    (addr, accepted)
}

/// Reads one request head off the wire. Empty if the connection ends before.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
