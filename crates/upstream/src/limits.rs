//! What one endpoint may cost.

use std::time::Duration;

/// Limits on the use of one endpoint. Every one has a name in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Requests under way at once; more wait in the queue. At least 1; default 1024.
    /// A request is under way until its response body ends, or its upgraded connection.
    pub max_concurrent: usize,
    /// Requests that may wait; more are refused at once ([`crate::SendErrorKind::Overloaded`]).
    /// Default 256.
    pub max_queued: usize,
    /// How long a request may wait in the queue. Default 2 s: what is stored, though stale, is a
    /// better answer then, and so is 503 in place of a page that hangs.
    pub queue_timeout: Duration,
    /// Idle connections kept. Default 64.
    pub max_idle: usize,
    /// How long an idle connection is kept. Default 4 s: many servers close after 5 s, and a request
    /// that meets that and cannot be repeated fails.
    pub idle_timeout: Duration,
    /// A request that cannot be repeated goes over a connection that has been idle for less than
    /// this, or over a new one: the other side may close an idle one at any moment, and then nobody
    /// knows what became of the request. Default 1 s.
    pub idle_before_unsafe: Duration,
    /// For the name look-up, the connection and the TLS handshake together. Default 5 s.
    pub connect_timeout: Duration,
    /// From the request sent to the response head received. While the request body is on its
    /// way, time runs only when it is the origin that does not read on. Default 30 s.
    pub first_byte_timeout: Duration,
    /// Between two pieces of a response body, while the reader waits for one. Default 30 s.
    pub body_idle_timeout: Duration,
    /// Bytes of a response head. At least 8 KiB; default 64 KiB.
    pub max_head: usize,
    /// Fields of a response head. Default 128.
    pub max_fields: usize,
    /// Interim responses (1xx) to one request; with more it has failed. Default 16.
    pub max_interim: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_concurrent: 1024,
            max_queued: 256,
            queue_timeout: Duration::from_secs(2),
            max_idle: 64,
            idle_timeout: Duration::from_secs(4),
            idle_before_unsafe: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            max_head: 64 << 10,
            max_fields: 128,
            max_interim: 16,
        }
    }
}
