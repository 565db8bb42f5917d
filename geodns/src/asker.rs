//! Who asks, and by what.

use std::net::SocketAddr;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// RFC 1035 section 4.2.1. The sender's address may be forged.
    Udp,
    /// RFC 7766.
    Tcp,
    /// RFC 7858.
    Tls,
    /// RFC 8484.
    Https,
    /// RFC 9250.
    Quic,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// From where.
    pub address: SocketAddr,
    /// By what.
    pub transport: Transport,
}
