//! DNS over HTTPS (RFC 8484), over HTTP/2 and HTTP/1.1.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::server::TlsStream;

use super::{
    Common,
    freshness::freshness,
    https_request::{Held, LONGEST, MESSAGE, held},
};
use crate::asker::Transport;

/// Room for the head of a request, in bytes.
const HEAD: u32 = 16 * 1024;
/// What a connection that ends may take to say so.
const GOODBYE: Duration = Duration::from_secs(1);

/// Answers until the client ends, is idle, or does not read.
pub(super) async fn connection(
    stream: TlsStream<TcpStream>,
    client: SocketAddr,
    common: Common,
) -> io::Result<()> {
    let (mut stop, idle) = (common.stop.clone(), common.config.idle_timeout);
    let answered = Arc::new(AtomicU64::new(0));
    let service = {
        let (common, answered) = (common.clone(), Arc::clone(&answered));
        service_fn(move |request| {
            let (common, answered) = (common.clone(), Arc::clone(&answered));
            async move {
                let response = respond(request, client, &common).await;
                answered.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(response)
            }
        })
    };
    let builder = builder(&common);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut seen = 0;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(io::Error::other),
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(idle) => {
                let now = answered.load(Ordering::Relaxed);
                if now == seen {
                    break;
                }
                seen = now;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    timeout(GOODBYE, connection)
        .await?
        .map_err(io::Error::other)
}

fn builder(common: &Common) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(common.config.idle_timeout)
        .max_buf_size(HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(common.config.max_streams)
        .max_header_list_size(HEAD)
        .max_send_buf_size(LONGEST);
    builder
}

async fn respond(
    request: Request<Incoming>,
    client: SocketAddr,
    common: &Common,
) -> Response<Full<Bytes>> {
    match message(request, common).await {
        Ok(message) => {
            let responder = &common.responder;
            let response = responder.respond(&message, client, Transport::Https, answer);
            response.unwrap_or_else(|| refusal(StatusCode::BAD_REQUEST))
        }
        Err(status) => refusal(status),
    }
}

/// The message of a request.
async fn message(request: Request<Incoming>, common: &Common) -> Result<Bytes, StatusCode> {
    let (head, body) = request.into_parts();
    match held(&head, &common.config.https_path)? {
        Held::Message(message) => Ok(message.into()),
        Held::Body => {
            let body = timeout(
                common.config.idle_timeout,
                Limited::new(body, LONGEST).collect(),
            );
            let body = body.await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
            match body {
                Ok(body) => Ok(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
                Err(_) => Err(StatusCode::BAD_REQUEST),
            }
        }
    }
}

/// A response may be meant for this client alone: so no shared cache may keep it.
fn answer(message: &[u8]) -> Response<Full<Bytes>> {
    let kept = match freshness(message) {
        Some(seconds) => format!("private, max-age={seconds}"),
        None => "no-store".to_owned(),
    };
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(message)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MESSAGE));
    if let Ok(value) = HeaderValue::try_from(kept) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    response
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, POST");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
