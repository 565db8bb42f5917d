//! What one listener and one connection may cost.

use std::time::Duration;

/// Limits on clients. Every one has a name in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections at once over all listeners of the node; more wait in the kernel's
    /// backlog. Default 10,000.
    pub max_connections: usize,
    /// Connections that the kernel keeps for a listener until they are accepted, as far as it lets us
    /// (`net.core.somaxconn`). Of more it drops what comes, and a client tries again a second later:
    /// a herd must find room. Taken when an address is bound. Default 4,096.
    pub backlog: u32,
    /// Connections at once from one address; more are closed at once. An IPv6 /64 counts as one
    /// address. Default 1,000.
    pub max_connections_per_client: usize,
    /// Bytes of a request head; more is answered 431, or 414 if the target alone is more. Also
    /// bytes of a trailer section. Default 32 KiB.
    pub max_head: usize,
    /// Fields of a request head; more is answered 431. Also fields of a trailer section.
    /// Default 100.
    pub max_fields: usize,
    /// Interim responses (1xx) to one HTTP/1.1 request; more are dropped. Default 16.
    pub max_interim: usize,
    /// Connections at once whose large bodies go out without a copy; each takes two descriptors for
    /// it, as long as its client takes the body. Bodies to more are copied. Zero: all. Default 256.
    pub max_lending: usize,
    /// Times in a row that all that came on a cleartext connection of HTTP/1.1 was answered at once, after which what
    /// comes is received through `io_uring`, where the kernel has it and allows it (Linux 6.1). Zero: never. Default 16.
    pub io_uring_after: u32,
    /// HTTP/2 streams at once per connection. Default 128.
    pub max_streams: u32,
    /// HTTP/2 streams per second and connection that the client resets, or that must be reset for its
    /// errors; ten seconds' worth at once. More end the connection (rapid reset, CVE-2023-44487, and
    /// what makes servers reset, CVE-2025-8671). Default 30.
    pub max_resets_per_second: u32,
    /// HTTP/2 frames per second and connection that are no use by themselves: PING, SETTINGS, PRIORITY,
    /// CONTINUATION, empty DATA, windows of nothing (CVE-2019-9511 to 9518, CVE-2024-27316); ten
    /// seconds' worth at once. Requests, and content that is taken, earn more. More than that end the
    /// connection. Default 100.
    pub max_overhead_per_second: u32,
    /// From accept to the TLS handshake done. Default 10 s.
    pub handshake_timeout: Duration,
    /// From the first byte of a request head to its last. Default 10 s.
    pub head_timeout: Duration,
    /// A connection with no request on it, from accept on. Default 60 s.
    pub idle_timeout: Duration,
    /// A client that takes nothing of a response that is ready for it. Default 30 s.
    pub write_timeout: Duration,
    /// Between two pieces of a request body, for handlers that read it through
    /// [`crate::with_idle_timeout`]. Default 30 s.
    pub body_idle_timeout: Duration,
    /// A whole request, from its head to the end of its response; upgraded connections
    /// excepted. Default 1 h.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_connections: 10_000,
            backlog: 4_096,
            max_connections_per_client: 1_000,
            max_head: 32 << 10,
            max_fields: 100,
            max_interim: 16,
            max_lending: 256,
            io_uring_after: 16,
            max_streams: 128,
            max_resets_per_second: 30,
            max_overhead_per_second: 100,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(3_600),
        }
    }
}

impl Limits {
    /// Those of a trailer section.
    pub(crate) fn bounds(&self) -> perigee_http1::Bounds {
        perigee_http1::Bounds {
            max_bytes: self.max_head,
            max_fields: self.max_fields,
        }
    }
}
