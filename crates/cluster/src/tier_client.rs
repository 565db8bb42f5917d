//! Asks other nodes for what nodes tell each other alone, by the trust between them.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header::HOST};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream, ResolveServerName};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::{AUTH_FIELD, Node, Proof, Trust, tls};

/// Bytes that the head of an answer may have.
const MAX_HEAD: usize = 16 * 1024;

/// How long an unused connection is kept: longer than probes are apart.
const IDLE: Duration = Duration::from_secs(90);

/// Connections are not used again after this long, so that a certificate that was replaced, or
/// whose authority was taken out, does not live on in one.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);

type HttpClient = Client<Dial, Empty<Bytes>>;

/// Asks nodes, on kept-alive connections: one for each node, and more while that is taken.
pub struct TierClient {
    trust: Arc<Trust>,
    /// The connections, and since when the oldest may be there.
    client: Mutex<(Instant, HttpClient)>,
}

impl TierClient {
    /// A client that proves itself by this trust.
    pub fn new(trust: Arc<Trust>) -> Self {
        TierClient {
            client: Mutex::new((Instant::now(), http_client(&trust))),
            trust,
        }
    }

    /// The name of the node that asks.
    pub fn node(&self) -> &str {
        self.trust.node()
    }

    /// GET `target` (path and query) from the node, with a proof for a request without markers:
    /// [`crate::admit_node`] checks it. The body is read up to `max_bytes`, and only of a 200.
    /// It takes as long as it takes: set a time limit.
    ///
    /// # Errors
    /// A text that says what went wrong.
    pub async fn get(
        &self,
        node: &Node,
        target: &str,
        max_bytes: usize,
    ) -> Result<(StatusCode, Bytes), String> {
        let request = self.request(node, target, SystemTime::now())?;
        let client = self.client(Instant::now());
        let answer = client.request(request).await;
        let (head, body) = answer
            .map_err(|error| in_words(&error, max_bytes))?
            .into_parts();
        if head.status != StatusCode::OK {
            return Ok((head.status, Bytes::new()));
        }
        let body = Limited::new(body, max_bytes).collect().await;
        let body = body.map_err(|error| in_words(&*error, max_bytes))?;
        Ok((head.status, body.to_bytes()))
    }

    /// With connections that are not too old.
    fn client(&self, now: Instant) -> HttpClient {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(kept.0) >= MAX_CONNECTION_AGE {
            *kept = (now, http_client(&self.trust));
        }
        kept.1.clone()
    }

    pub(crate) fn request(
        &self,
        node: &Node,
        target: &str,
        now: SystemTime,
    ) -> Result<Request<Empty<Bytes>>, String> {
        let host = node.address.to_string();
        let proof = Proof {
            method: Method::GET.as_str(),
            host: &host,
            target,
            markers: "",
        };
        // The name before the address is for the connection: it is not sent.
        let uri = match self.trust.tls() {
            None => format!("http://{host}{target}"),
            Some(_) => format!("https://{}@{host}{target}", node.name),
        };
        Request::get(uri)
            .header(HOST, &host)
            .header(&AUTH_FIELD, self.trust.sign(&proof, now))
            .body(Empty::new())
            .map_err(|error| format!("cannot be asked: {error}"))
    }
}

impl fmt::Debug for TierClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TierClient")
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

fn http_client(trust: &Arc<Trust>) -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let trust = Arc::clone(trust);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .http1_max_buf_size(MAX_HEAD)
        .build(Dial { tcp, trust })
}

/// Connects to `http://ADDRESS`, or to `https://NODE@ADDRESS`, where the certificate must name the
/// node.
#[derive(Clone)]
struct Dial {
    tcp: HttpConnector,
    trust: Arc<Trust>,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Dial {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Dial { mut tcp, trust } = self.clone();
        Box::pin(async move {
            match trust.tls() {
                None => Ok(MaybeHttpsStream::Http(tcp.call(to).await?)),
                Some(tls) => {
                    let config = tls.client_config().load_full();
                    let mut tls = HttpsConnector::new(tcp, config, true, Arc::new(Named));
                    tls.call(to).await
                }
            }
        })
    }
}

/// The name that stands before the address.
#[derive(Debug)]
struct Named;

impl ResolveServerName for Named {
    fn resolve(&self, uri: &Uri) -> Result<ServerName<'static>, BoxError> {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let node = authority.split_once('@').map_or("", |(node, _)| node);
        tls::server_name(node).map_err(Into::into)
    }
}

/// The error at the bottom, which names the cause; those above it repeat that something failed.
fn in_words(error: &(dyn Error + 'static), max_bytes: usize) -> String {
    let mut cause = error;
    loop {
        // What an IO error carries is passed over by `source`.
        let carried = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|carried| carried as &(dyn Error + 'static));
        match carried.or_else(|| cause.source()) {
            Some(below) => cause = below,
            None => break,
        }
    }
    if cause.is::<LengthLimitError>() {
        return format!("its answer is longer than {max_bytes} bytes");
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return tls::in_words(error);
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        // In words, without the number that the system gives it.
        Some(kind) if kind != io::ErrorKind::Other => kind.to_string(),
        _ => cause.to_string(),
    }
}
