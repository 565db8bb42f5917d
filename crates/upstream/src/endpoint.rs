//! One place to send requests to.

use std::{path::PathBuf, sync::Arc};

use http::{HeaderValue, Request, Response};

use crate::{Body, Limits, SendError};

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `http://host[:port]` or `https://host[:port]`. Requests keep their own path and query;
    /// a path of the base URL is put before them.
    Url {
        /// The base URL.
        base: http::Uri,
        /// Sent as Host in place of the client's, if set.
        host: Option<HeaderValue>,
        /// Server name for SNI and verification in place of the URL's host, if set.
        sni: Option<String>,
        /// A PEM file of certificate authorities to trust in place of the system's, if set.
        ca_file: Option<PathBuf>,
    },
    /// A folder of files: content types, ETag, Last-Modified, ranges, index.html.
    Folder(PathBuf),
}

/// How to build an [`Endpoint`].
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointConfig {
    /// The name it has in logs and metrics.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// What it may cost.
    pub limits: Limits,
}

/// Why a target cannot be used: a folder that is not there, a CA file that does not parse, a URL
/// without a host. Says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetError(pub String);

impl std::fmt::Display for TargetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TargetError {}

/// One place to send requests to, with its own connection pool and caps.
#[derive(Debug)]
pub struct Endpoint {}

impl Endpoint {
    /// Builds the endpoint; connects to nothing yet.
    ///
    /// # Errors
    /// [`TargetError`] if the target cannot be used.
    pub fn new(_config: EndpointConfig) -> Result<Arc<Self>, TargetError> {
        todo!()
    }

    /// The name given in the configuration.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// Requests under way now, those that wait included.
    pub fn in_flight(&self) -> usize {
        todo!()
    }

    /// Sends a request. Its URI is in origin form (`/path?query`); its Host field is the
    /// client's. The response body ends with an error if the transfer breaks off, stalls past
    /// the limit, or is cut short; a permit of the concurrency cap is held until it ends.
    /// After a 101 the upgraded connection is had with `hyper::upgrade::on`.
    ///
    /// # Errors
    /// [`SendError`] if no response head came.
    pub async fn send(&self, _request: Request<Body>) -> Result<Response<Body>, SendError> {
        todo!()
    }
}
