//! The way back to who sent a request, beside the response: what the listening side brings to it.

use std::{fmt, future::Future, io, pin::Pin, sync::Arc};

use http::{HeaderMap, StatusCode, header, request};
use perigee_http_cache::remove_hop_by_hop;
use perigee_upstream::OnInterim;
use tokio::io::{AsyncRead, AsyncWrite};

/// What can be done on the connection of a request besides answering it. It does nothing any more
/// once the response has begun.
pub trait Line: fmt::Debug + Send + Sync {
    /// Sends an interim response (RFC 9110 section 15.2); how many of them is up to whoever does.
    fn inform(&self, status: StatusCode, headers: HeaderMap);

    /// The connection itself, once a 101 has been sent (RFC 9110 section 7.8); `None` where that
    /// cannot be.
    fn upgrade(&self) -> Option<Upgrading>;
}

/// A connection that is to be taken over.
pub type Upgrading = Pin<Box<dyn Future<Output = io::Result<Box<dyn Duplex>>> + Send>>;

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Has the interim responses to a request passed on, 103 (Early Hints, RFC 8297) above all, without
/// what is for one connection only. 100 and 101 are not: they were for us (RFC 9110 section 15.2).
pub(crate) fn relay_interim(line: &Arc<dyn Line>, request: &mut request::Parts) {
    let line = Arc::clone(line);
    let told = OnInterim::new(move |status, headers| {
        if matches!(
            status,
            StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS
        ) {
            return;
        }
        let mut headers = headers.clone();
        remove_hop_by_hop(&mut headers);
        headers.remove(header::CONTENT_LENGTH);
        line.inform(status, headers);
    });
    request.extensions.insert(told);
}
