//! Certificates by host name (SNI), reloadable.

use std::{path::PathBuf, sync::Arc};

/// A certificate chain and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertFiles {
    /// Host names it serves (`*.example.com` for one label); empty: those that the certificate
    /// itself names.
    pub hosts: Vec<String>,
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why certificates cannot be used: names the file and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertError(pub String);

impl std::fmt::Display for CertError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertError {}

/// The certificates of a node. The first one serves clients that send no SNI or an unknown one.
#[derive(Debug)]
pub struct CertStore {}

impl CertStore {
    /// Loads and checks all files: chain and key parse and belong together.
    ///
    /// # Errors
    /// [`CertError`] names the first file that is wrong.
    pub fn load(_files: &[CertFiles]) -> Result<Self, CertError> {
        todo!()
    }

    /// The TLS configuration: ALPN h2 and http/1.1, TLS 1.2 and 1.3, aws-lc-rs.
    pub fn server_config(self: &Arc<Self>) -> Arc<rustls::ServerConfig> {
        todo!()
    }
}
