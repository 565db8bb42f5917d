//! A running server.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use crate::{CertStore, DrainReport, Handler, Limits};

/// What a server is started with.
#[derive(Debug)]
pub struct ServerConfig {
    /// Cleartext listeners: HTTP/1.1 and HTTP/2 with prior knowledge.
    pub http: Vec<TcpListener>,
    /// TLS listeners: HTTP/1.1 and HTTP/2 by ALPN. Need `certs`.
    pub https: Vec<TcpListener>,
    /// The certificates for `https`.
    pub certs: Option<Arc<CertStore>>,
    /// Limits on clients.
    pub limits: Limits,
}

/// A running server: its accept loops and connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {}

impl Server {
    /// Starts accepting. Needs a tokio runtime.
    pub fn start<H: Handler>(_config: ServerConfig, _handler: Arc<H>) -> Self {
        todo!()
    }

    /// The addresses that are listened on, cleartext first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        todo!()
    }

    /// Puts new certificates and limits in place for connections accepted from now on.
    pub fn reload(&self, _certs: Option<Arc<CertStore>>, _limits: Limits) {
        todo!()
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        todo!()
    }

    /// From now on each HTTP/1.1 response says `Connection: close` and HTTP/2 connections get
    /// GOAWAY, while new connections are still accepted, so that clients move away.
    pub fn turn_away(&self) {
        todo!()
    }

    /// Stops accepting, lets requests under way finish, closes idle connections; cuts what is
    /// left at the deadline.
    pub async fn drain(&self, _deadline: Duration) -> DrainReport {
        todo!()
    }
}
