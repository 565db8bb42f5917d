//! One place to send requests to.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response};
use rustls::{ClientConfig, pki_types::ServerName};

use crate::{
    Body, Came, Head, Limits, SendError, SendErrorKind, admission::Admission, folder::Folder,
    http_origin::HttpOrigin,
};

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `http://host[:port]` or `https://host[:port]`. Requests keep their own path and query;
    /// a path of the base URL is put before them.
    ///
    /// A name is looked up when a connection is made, as the system would (hosts file, name
    /// servers), and each answer is kept for its TTL at most. A connection to a name is given up
    /// after five minutes, so that requests follow the name to new addresses.
    Url {
        /// The base URL.
        base: http::Uri,
        /// Sent as Host in place of the client's, if set. If not, the origin sees the Host that
        /// the client asked for, with https too.
        host: Option<HeaderValue>,
        /// Server name for SNI and verification in place of the URL's host, if set.
        sni: Option<String>,
        /// A PEM file of certificate authorities to trust in place of the system's, if set.
        ca_file: Option<PathBuf>,
    },
    /// Another node at this address. It sees the Host that the client asked for.
    Node {
        /// Where it is.
        address: SocketAddr,
        /// TLS, if connections between nodes are that.
        tls: Option<NodeTls>,
    },
    /// A folder of files: content types, ETag, Last-Modified, ranges, index.html.
    ///
    /// Nothing above the folder can be reached by a path; symbolic links are followed wherever
    /// they lead, as nginx and Caddy do. Names that begin with a dot (`/.git`, `/.env`) do not
    /// exist for clients, save `/.well-known/` (RFC 8615). No freshness is stated: caches work it
    /// out from Last-Modified.
    Folder(PathBuf),
}

/// How a node is known over TLS.
#[derive(Clone, Debug)]
pub struct NodeTls {
    /// Looked at for each connection, so that certificates can be replaced. A connection is given up
    /// after five minutes.
    pub config: Arc<ArcSwap<ClientConfig>>,
    /// The name that its certificate must have.
    pub name: ServerName<'static>,
}

impl PartialEq for NodeTls {
    /// Whether certificates are replaced in both at once.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config) && self.name == other.name
    }
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
pub struct Endpoint {
    name: String,
    admission: Admission,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Http(Box<HttpOrigin>),
    Folder(Folder),
}

impl Endpoint {
    /// Builds the endpoint; connects to nothing yet.
    ///
    /// # Errors
    /// [`TargetError`] if the target cannot be used.
    pub fn new(config: EndpointConfig) -> Result<Arc<Self>, TargetError> {
        let EndpointConfig {
            name,
            target,
            limits,
        } = config;
        let origin = match target {
            Target::Url {
                base,
                host,
                sni,
                ca_file,
            } => Origin::Http(Box::new(HttpOrigin::new(
                &name,
                &base,
                host,
                sni.as_deref(),
                ca_file.as_deref(),
                &limits,
            )?)),
            Target::Node { address, tls } => {
                Origin::Http(Box::new(HttpOrigin::node(&name, address, tls, &limits)?))
            }
            Target::Folder(path) => Origin::Folder(Folder::new(&name, &path, &limits)?),
        };
        Ok(Arc::new(Endpoint {
            name,
            admission: Admission::new(&limits),
            origin,
        }))
    }

    /// The name given in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Requests under way now, those that wait included.
    pub fn in_flight(&self) -> usize {
        self.admission.in_flight()
    }

    /// Sends a request. Its URI is in origin form (`/path?query`); its Host field is the
    /// client's. The response body ends with an error if the transfer breaks off, stalls past
    /// the limit, or is cut short; a permit of the concurrency cap is held until it ends.
    /// After a 101 the upgraded connection is had with [`crate::upgraded`], and the permit is held
    /// until that is dropped.
    ///
    /// A safe request without a body that meets a kept connection which the origin has just
    /// closed is sent again, on another one.
    ///
    /// # Errors
    /// [`SendError`] if no response head came.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        let sent = self.send_head(Head::of(&parts.into()), body).await;
        sent.map(Came::into_response)
    }

    /// The same of a request whose head others may need, too: see [`Endpoint::send`].
    ///
    /// # Errors
    /// [`SendError`] if no response head came.
    pub async fn send_head(&self, head: Head<'_>, body: Body) -> Result<Came, SendError> {
        let permit = self.admission.enter().await.map_err(|refused| SendError {
            kind: SendErrorKind::Overloaded,
            detail: format!("{}: {}", self.name, refused.0),
        })?;
        match &self.origin {
            Origin::Http(origin) => origin.send(head, body, permit).await,
            Origin::Folder(folder) => {
                let request = Request::from_parts(head.request.clone().into(), body);
                // In a box: it is many times as large as an exchange over HTTP.
                Ok(Box::pin(folder.send(request, permit)).await?.into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
