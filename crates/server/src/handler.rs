//! What answers requests.

use std::{future::Future, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};

use crate::{Asked, AtOnce, Reply, RequestBody};

/// What is known of the connection that a request came on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address.
    pub address: SocketAddr,
    /// The address it connected to.
    pub local: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Whether it came in by one of [`crate::ServerConfig::private`].
    pub private: bool,
    /// The DNS names of the certificate that the client has shown, which was found good; none but
    /// where private connections are TLS.
    pub certificate: Option<Arc<[String]>>,
}

/// Answers requests. Errors become responses inside; one that cannot be sent whole ends its body
/// with an error, and the connection is then closed so that the client sees it.
pub trait Handler: Send + Sync + 'static {
    /// The response body.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static;

    /// Answers a request at once, or not: then [`Handler::handle`] gets it. Never waits.
    fn at_once(
        &self,
        _asked: &Asked<'_>,
        _client: &Client,
        _reply: Reply<'_>,
    ) -> Option<AtOnce<Self::Body>> {
        None
    }

    /// So many more have asked for this, and had the answer that was given to one of them at once
    /// ([`AtOnce::for_all`]), with so many bytes of content each.
    fn again(&self, _asked: &Asked<'_>, _content: u64, _times: u64) {}

    /// Fields of the response with this body that are text already, and come beside those in its map: each its
    /// name, `: `, its value and CRLF. None of them is of framing, of the connection, or Trailer, and if there are
    /// any, Date is among them. Only of answers to HTTP/1.1 and HTTP/1.0.
    fn lines(_body: &Self::Body) -> &[u8] {
        &[]
    }

    /// Answers one request.
    ///
    /// It has one valid Host, which says what the authority of the target says if that has one
    /// (HTTP/1.0 may have none), and its body is framed in one way. Its target is as the client
    /// wrote it. Interim responses and a switch of protocols go over [`RequestBody::line`].
    ///
    /// The response's framing and its connection are the server's: of the fields for that only
    /// Content-Length and `Connection: close` are looked at, and those of a 101 passed on. Without
    /// a Content-Length the body's exact size hint is the length, if it has one. How long the body may stay away is up to the handler: see
    /// [`crate::with_idle_timeout`].
    fn handle(
        &self,
        request: Request<RequestBody>,
        client: Client,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}
