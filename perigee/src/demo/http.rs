//! A small HTTP/1.1 client: one request, one connection, the whole answer.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

const MAX_BODY: usize = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// A whole answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// From the connection asked for to the last byte.
    pub(super) took: Duration,
}

impl Reply {
    /// A field as text: several lines of it are one list (RFC 9110 section 5.3). Empty if it is
    /// not there.
    pub(super) fn field(&self, name: &str) -> String {
        let lines = self.headers.get_all(name).iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        lines.join(", ")
    }
}

/// What is asked for, and of whom.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) address: SocketAddr,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) fields: &'a [(&'a str, &'a str)],
}

/// Asks; the error says what broke.
pub(super) async fn ask(ask: Ask<'_>) -> Result<Reply, String> {
    let address = ask.address;
    let late = |_| format!("{address} did not answer within {} s", TIMEOUT.as_secs());
    timeout(TIMEOUT, exchange(ask)).await.map_err(late)?
}

async fn exchange(ask: Ask<'_>) -> Result<Reply, String> {
    let address = ask.address;
    let broken = |e: &dyn std::fmt::Display| format!("{address}: {e}");
    let begun = Instant::now();
    let stream = TcpStream::connect(address).await.map_err(|e| broken(&e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| broken(&e))?;
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(header::HOST, ask.host)
        .header(header::CONNECTION, "close");
    for (name, value) in ask.fields {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|e| broken(&e))?;
    let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|e| broken(&e))?;
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: body.to_bytes(),
        took: begun.elapsed(),
    })
}
