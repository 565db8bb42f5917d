//! What encrypted transports need to know.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Encrypted transports of a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// Addresses for DNS over TLS; the port is 853 everywhere else.
    pub tls_listen: Vec<SocketAddr>,
    /// Addresses for DNS over HTTPS.
    pub https_listen: Vec<SocketAddr>,
    /// Addresses for DNS over QUIC, which is UDP; the port is 853 everywhere else.
    pub quic_listen: Vec<SocketAddr>,
    /// The certificate. Needed if there is an address.
    pub certificate: Option<CertificateFiles>,
    /// The path of DNS over HTTPS. Default `/dns-query`.
    pub https_path: String,
    /// Connections at once over all listeners; more are closed. Default 1000.
    pub max_connections: usize,
    /// Of these, connections of one client: of an IPv4 address, or an IPv6 network of 64 bits.
    /// Default 50.
    pub max_connections_per_client: usize,
    /// Queries under way on one connection over HTTPS or QUIC. Default 100.
    pub max_streams: u32,
    /// How long a connection may be idle, take to be set up, or not take its answer. Default 10 s.
    pub idle_timeout: Duration,
}

/// A certificate chain and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Default for Encrypted {
    fn default() -> Self {
        Encrypted {
            tls_listen: Vec::new(),
            https_listen: Vec::new(),
            quic_listen: Vec::new(),
            certificate: None,
            https_path: "/dns-query".to_owned(),
            max_connections: 1_000,
            max_connections_per_client: 50,
            max_streams: 100,
            idle_timeout: Duration::from_secs(10),
        }
    }
}

impl Encrypted {
    /// Whether there is any address.
    pub fn listens(&self) -> bool {
        !(self.tls_listen.is_empty() && self.https_listen.is_empty() && self.quic_listen.is_empty())
    }

    /// The files that it is made of.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = self.certificate.iter().filter(|_| self.listens());
        files
            .flat_map(|files| [files.cert.clone(), files.key.clone()])
            .collect()
    }

    /// What only a restart can change; all of it may, while there is no address.
    pub(crate) fn fixed(&self) -> Option<Encrypted> {
        self.listens().then(|| Encrypted {
            certificate: None,
            ..self.clone()
        })
    }
}
