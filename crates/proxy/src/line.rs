//! The way back to who sent a request, beside the response: what the listening side brings to it.

use std::{fmt, future::Future, io, pin::Pin};

use http::{HeaderMap, StatusCode, header};
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

/// Passes interim responses on, 103 (Early Hints, RFC 8297) above all, without what is for one
/// connection only. 100 and 101 are not passed on: they were for us (RFC 9110 section 15.2).
#[derive(Debug)]
pub(crate) struct RelayInterim<'a>(pub(crate) &'a dyn Line);

impl OnInterim for RelayInterim<'_> {
    fn tell(&self, status: StatusCode, headers: &HeaderMap) {
        if matches!(
            status,
            StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS
        ) {
            return;
        }
        let mut headers = headers.clone();
        remove_hop_by_hop(&mut headers);
        headers.remove(header::CONTENT_LENGTH);
        self.0.inform(status, headers);
    }
}
