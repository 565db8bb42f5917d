//! Calls the admin API of nodes: one connection per call.

use std::{fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use perigee_edge::{
    CacheStats, Explanation, ListQuestion, Listing, PurgeOrder, Purged, Question, Shown,
};
use perigee_geodns::{DnsExplanation, DnsQuestion};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

use super::cache;
use crate::run::{DrainOrder, DrainStatus};

const MAX_ANSWER: usize = 4 << 20;

/// How one node is called.
#[derive(Clone, Debug)]
pub(crate) struct AdminClient {
    /// Its admin address.
    pub(crate) address: SocketAddr,
    /// Its token, if it wants one.
    pub(crate) token: Option<String>,
    /// For the whole call.
    pub(crate) timeout: Duration,
}

/// Why a call brought no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Nobody answers there.
    Down(String),
    /// It has not answered in time. What was asked of it may have reached it.
    Late(Duration),
    /// It wants another token than it was sent, or one at all.
    WrongToken {
        /// Whether one was sent.
        sent: bool,
    },
    /// It answered that it will not.
    Refused(StatusCode, String),
    /// It answered something else.
    Garbled(String),
}

/// What is said where nobody listens.
const CONNECTION_REFUSED: &str = "connection refused";

impl CallError {
    /// Whether nobody listens there: who is only slow, or behind a network that is, is not gone.
    pub(crate) fn nobody_listens(&self) -> bool {
        matches!(self, CallError::Down(why) if why == CONNECTION_REFUSED)
    }

    /// Whether a node is there and has understood: it is not down.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(self, CallError::WrongToken { .. } | CallError::Refused(..))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Down(why) | CallError::Garbled(why) => f.write_str(why),
            CallError::Late(after) => write!(f, "no answer within {} s", after.as_secs_f32()),
            CallError::WrongToken { sent: true } => f.write_str("the token was refused (401)"),
            CallError::WrongToken { sent: false } => f.write_str("it wants a token (401)"),
            CallError::Refused(status, why) => write!(f, "{}: {why}", status.as_u16()),
        }
    }
}

impl AdminClient {
    /// The same, with another limit for the whole call.
    pub(crate) fn within(self, timeout: Duration) -> Self {
        AdminClient { timeout, ..self }
    }

    /// GET /status.
    pub(crate) async fn status<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        self.call(Method::GET, "/status", None).await
    }

    /// Whether GET /ready answers 200.
    pub(crate) async fn ready(&self) -> Result<(), CallError> {
        let _: Value = self.call(Method::GET, "/ready", None).await?;
        Ok(())
    }

    /// POST /purge.
    pub(crate) async fn purge(&self, order: &PurgeOrder) -> Result<Purged, CallError> {
        self.call(Method::POST, "/purge", Some(json!(order))).await
    }

    /// POST /drain.
    pub(crate) async fn drain(&self, order: DrainOrder) -> Result<DrainStatus, CallError> {
        self.call(Method::POST, "/drain", Some(json!(order))).await
    }

    /// POST /explain.
    pub(crate) async fn explain(&self, question: &Question) -> Result<Explanation, CallError> {
        self.call(Method::POST, "/explain", Some(json!(question)))
            .await
    }

    /// POST /explain/dns.
    pub(crate) async fn explain_dns(
        &self,
        question: &DnsQuestion,
    ) -> Result<DnsExplanation, CallError> {
        self.call(Method::POST, "/explain/dns", Some(json!(question)))
            .await
    }

    /// GET /cache.
    pub(crate) async fn list(&self, question: &ListQuestion) -> Result<Listing, CallError> {
        let target = cache::list_target(question);
        self.call(Method::GET, &target, None).await
    }

    /// GET /cache/entry.
    pub(crate) async fn show(&self, url: &str) -> Result<Shown, CallError> {
        let target = cache::show_target(url);
        self.call(Method::GET, &target, None).await
    }

    /// GET /cache/stats.
    pub(crate) async fn cache_stats(&self) -> Result<CacheStats, CallError> {
        self.call(Method::GET, "/cache/stats", None).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, CallError> {
        let exchange = self.exchange(method, path, body);
        let (status, body) = timeout(self.timeout, exchange)
            .await
            .map_err(|_| CallError::Late(self.timeout))??;
        if status.is_success() {
            let garbled = |e| CallError::Garbled(format!("an answer that does not parse: {e}"));
            return serde_json::from_slice(&body).map_err(garbled);
        }
        Err(match status {
            StatusCode::UNAUTHORIZED => CallError::WrongToken {
                sent: self.token.is_some(),
            },
            _ => CallError::Refused(status, error_text(&body)),
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|e| CallError::Down(format!("{}", Plain(&e))))?;
        let broken = |e: hyper::Error| CallError::Garbled(format!("the connection broke: {e}"));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONNECTION, "close");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map(|b| b.to_string()).unwrap_or_default();
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| CallError::Garbled(format!("the token cannot be sent: {e}")))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(|e| CallError::Garbled(format!("the answer broke off: {e}")))?;
        Ok((status, body.to_bytes()))
    }
}

/// The error of the operating system in its plain words.
struct Plain<'a>(&'a std::io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            std::io::ErrorKind::ConnectionRefused => f.write_str(CONNECTION_REFUSED),
            _ => self.0.fmt(f),
        }
    }
}

/// The `error` member of an error's JSON, or the text as it is, cut.
fn error_text(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let member = parsed.as_ref().and_then(|v| v.get("error")?.as_str());
    match member {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(body)
            .trim()
            .chars()
            .take(200)
            .collect(),
    }
}
