//! What has been counted since the start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the server was started, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted, refused ones included.
    pub accepted: u64,
    /// Connections closed at once because their client had too many.
    pub refused: u64,
    /// TLS handshakes that failed or took too long.
    pub handshake_failures: u64,
    /// Requests that were malformed, too large or not acceptable, answered with 4xx or 501 before
    /// the handler saw them.
    pub bad_requests: u64,
    /// Bytes received on all connections, those of TLS included.
    pub bytes_received: u64,
    /// Connections that are open now.
    pub connections: usize,
    /// Those of them that are served through `io_uring`: see [`crate::Limits::io_uring_after`].
    pub through_io_uring: usize,
}

/// The running counts behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) handshake_failures: AtomicU64,
    pub(crate) bad_requests: AtomicU64,
}

impl Counters {
    /// What is counted here; all else is zero.
    pub(crate) fn read(&self) -> Stats {
        Stats {
            accepted: self.accepted.load(Relaxed),
            refused: self.refused.load(Relaxed),
            handshake_failures: self.handshake_failures.load(Relaxed),
            bad_requests: self.bad_requests.load(Relaxed),
            ..Stats::default()
        }
    }
}

/// Counts one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
