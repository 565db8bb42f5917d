//! Asks a node for its readiness.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;

use crate::{LATENCIES_PATH, Node, NodeLatencies, READY_PATH, Readiness, TierClient, Trust};

/// Bytes that a readiness answer may have.
const MAX_BYTES: usize = 16 * 1024;

/// Asks nodes for their readiness.
#[derive(Debug)]
pub struct Prober {
    client: TierClient,
    timeout: Duration,
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
    /// A prober that proves itself by this trust and waits no longer than `timeout` for
    /// all of an answer.
    pub fn new(trust: Arc<Trust>, timeout: Duration) -> Self {
        Prober {
            client: TierClient::new(trust),
            timeout,
        }
    }

    /// The same, with another timeout.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Prober { timeout, ..self }
    }

    /// The name of the node that asks.
    pub fn node(&self) -> &str {
        self.client.node()
    }

    /// GET [`crate::READY_PATH`] at the node's address.
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

    /// GET [`LATENCIES_PATH`] at the node's address.
    ///
    /// # Errors
    /// As [`Prober::probe`].
    pub async fn latencies(&self, node: &Node) -> Result<NodeLatencies, ProbeError> {
        let most = NodeLatencies::MAX_BYTES;
        let answer = self.get(node, LATENCIES_PATH, most, self.timeout).await;
        let told = answer.and_then(|(status, body)| {
            answered(status)?;
            NodeLatencies::read(&body, node.name.as_str())
        });
        told.map_err(|why| ProbeError::new(node, why))
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
        let answer = self.client.get(node, target, most);
        let answer = tokio::time::timeout(timeout, answer).await;
        answer.unwrap_or_else(|_| Err(format!("no answer in {timeout:?}")))
    }
}

/// What an answer says, if it is the one of this node.
fn judge(node: &Node, status: StatusCode, body: &[u8]) -> Result<Readiness, String> {
    answered(status)?;
    let mut readiness: Readiness = serde_json::from_slice(body)
        .map_err(|error| format!("its readiness does not parse: {error}"))?;
    is_node(&readiness.node, node.name.as_str())?;
    readiness.load = readiness.load.clamp(0.0, 1.0);
    readiness.uptime = readiness.uptime.max(0.0);
    readiness.spill = readiness.spill.clamp(0.0, 1.0);
    Ok(readiness)
}

fn answered(status: StatusCode) -> Result<(), String> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
            "answered {status}: compare the secrets, the clocks and the tier addresses of both nodes"
        )),
        other => Err(format!("answered {other}, not 200 OK")),
    }
}

/// Whether it is the node that was asked that answers.
pub(crate) fn is_node(told: &str, asked: &str) -> Result<(), String> {
    if told == asked {
        return Ok(());
    }
    let other: String = told.chars().take(64).collect();
    Err(format!("answers as another node, {other:?}"))
}

#[cfg(test)]
mod tests;
