//! Asks a node for its readiness.

use std::{
    error::Error,
    fmt, io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::{AUTH_FIELD, Credential, Node, Proof, READY_PATH, Readiness};

/// Bytes that a readiness answer may have: its head, and again its body.
const MAX_BYTES: usize = 16 * 1024;

/// How long an unused connection is kept: longer than probes are apart.
const IDLE: Duration = Duration::from_secs(90);

/// Asks nodes for their readiness, on kept-alive connections.
pub struct Prober {
    credential: Arc<Credential>,
    timeout: Duration,
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// Why a node is not ready, in words: `fra-1 at 127.1.1.1:8080: connection refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeError(pub String);

impl ProbeError {
    pub(crate) fn new(node: &Node, why: impl fmt::Display) -> Self {
        ProbeError(format!("{} at {}: {why}", node.name, node.address))
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ProbeError {}

impl Prober {
    /// A prober that proves itself with this credential and waits no longer than `timeout` for
    /// all of an answer.
    pub fn new(credential: Arc<Credential>, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(MAX_BYTES)
            .build(connector);
        Prober {
            credential,
            timeout,
            client,
        }
    }

    /// The same, with another timeout.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Prober { timeout, ..self }
    }

    /// The name of the node that asks.
    pub fn node(&self) -> &str {
        self.credential.node()
    }

    /// GET [`crate::READY_PATH`] at the node's address. The proof is for a request without
    /// markers: [`crate::admit_node`] checks it.
    ///
    /// # Errors
    /// [`ProbeError`] says what came instead.
    pub async fn probe(&self, node: &Node) -> Result<Readiness, ProbeError> {
        self.probe_within(node, self.timeout).await
    }

    /// [`Prober::probe`] with another patience.
    ///
    /// # Errors
    /// As [`Prober::probe`].
    pub async fn probe_within(
        &self,
        node: &Node,
        timeout: Duration,
    ) -> Result<Readiness, ProbeError> {
        let answer = self.get(node, READY_PATH, MAX_BYTES, timeout).await;
        let readiness = answer.and_then(|(status, body)| judge(node, status, &body));
        readiness.map_err(|why| ProbeError::new(node, why))
    }

    /// GET of a path and query at a node's address, with a proof: the body, if the answer is 200 and
    /// has so many bytes at most.
    pub(crate) async fn get(
        &self,
        node: &Node,
        target: &str,
        most: usize,
        timeout: Duration,
    ) -> Result<(StatusCode, Bytes), String> {
        let answer = tokio::time::timeout(timeout, self.ask(node, target, most)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer in {timeout:?}")))
    }

    async fn ask(
        &self,
        node: &Node,
        target: &str,
        most: usize,
    ) -> Result<(StatusCode, Bytes), String> {
        let request = self.request(node, target, SystemTime::now())?;
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| in_words(&error, most))?.into_parts();
        if head.status != StatusCode::OK {
            return Ok((head.status, Bytes::new()));
        }
        let body = Limited::new(body, most).collect().await;
        let body = body.map_err(|error| in_words(&*error, most))?;
        Ok((head.status, body.to_bytes()))
    }

    fn request(
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
        Request::get(format!("http://{host}{target}"))
            .header(HOST, &host)
            .header(&AUTH_FIELD, self.credential.sign(&proof, now))
            .body(Empty::new())
            .map_err(|error| format!("cannot be asked: {error}"))
    }
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober")
            .field("credential", &self.credential)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What an answer says, if it is the one of this node.
fn judge(node: &Node, status: StatusCode, body: &[u8]) -> Result<Readiness, String> {
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(format!(
                "answered {status}: compare the secrets and the clocks of both nodes"
            ));
        }
        other => return Err(format!("answered {other}, not 200 OK")),
    }
    let mut readiness: Readiness = serde_json::from_slice(body)
        .map_err(|error| format!("its readiness does not parse: {error}"))?;
    if readiness.node != node.name.as_str() {
        let other: String = readiness.node.chars().take(64).collect();
        return Err(format!("answers as another node, {other:?}"));
    }
    readiness.load = readiness.load.clamp(0.0, 1.0);
    readiness.uptime = readiness.uptime.max(0.0);
    Ok(readiness)
}

/// The error at the bottom, which names the cause; those above it repeat that something failed.
fn in_words(error: &(dyn Error + 'static), most: usize) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if cause.is::<LengthLimitError>() {
        return format!("its answer is longer than {most} bytes");
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        // In words, without the number that the system gives it.
        Some(kind) if kind != io::ErrorKind::Other => kind.to_string(),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests;
