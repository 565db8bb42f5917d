//! How hyper is to speak HTTP/2.

use std::{future::Future, time::Duration};

use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::TokioTimer;

use crate::Limits;

/// HTTP/2 flow control, bytes of request bodies that may wait for the handler: per stream and per
/// connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Response bytes of one stream that wait for the socket.
const SEND_BUFFER: usize = 128 << 10;

/// Streams that the client reset before they were looked at, and that were reset for the client's
/// errors: more end the connection (rapid reset, CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
const MAX_ERROR_RESETS: usize = 256;

/// PINGs tell whether an HTTP/2 client is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// An HTTP/2 connection to be.
pub(crate) fn builder(limits: &Limits) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(Streams {
        timeout: limits.request_timeout,
    });
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(u32::try_from(limits.max_head).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .auto_date_header(true);
    builder
}

/// Runs HTTP/2 streams, each in a task of its own, and none longer than the request timeout: its
/// stream is then reset.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    timeout: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        // A stream that runs out of time is dropped, and dropping it sends RST_STREAM.
        tokio::spawn(tokio::time::timeout(self.timeout, stream));
    }
}
