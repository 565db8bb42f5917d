//! The certificate, which is replaced in place.

use std::{fmt::Display, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use tokio_rustls::TlsAcceptor;

use super::Encrypted;

/// What clients are shown.
#[derive(Debug)]
pub(super) struct Certificate {
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    pub(super) fn load(config: &Encrypted) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Certificate {
            current: ArcSwap::new(load(config)?),
        }))
    }

    /// For handshakes from now on.
    pub(super) fn replace(&self, new: Arc<CertifiedKey>) {
        self.current.store(new);
    }

    /// For TLS over TCP, of versions 1.2 and 1.3.
    pub(super) fn acceptor(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<TlsAcceptor, String> {
        let config = self.config(protocols, rustls::ALL_VERSIONS)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// For QUIC.
    pub(super) fn for_quic(self: &Arc<Self>) -> Result<Arc<QuicServerConfig>, String> {
        let config = self.config(&[b"doq"], &[&TLS13])?;
        let config = QuicServerConfig::try_from(config);
        Ok(Arc::new(config.map_err(|e| cannot_be_set_up(&e))?))
    }

    fn config(
        self: &Arc<Self>,
        protocols: &[&[u8]],
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Result<ServerConfig, String> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(|e| cannot_be_set_up(&e))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // Clients resume without the server remembering them.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(|e| cannot_be_set_up(&e))?;
        Ok(config)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// Reads the files and checks that they belong together.
pub(super) fn load(config: &Encrypted) -> Result<Arc<CertifiedKey>, String> {
    let files = config.certificate.as_ref().ok_or(
        "tls_listen, https_listen and quic_listen need a certificate: set cert and key in [dns.tls]",
    )?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(&files.cert, "certificate", &e))?;
    if chain.is_empty() {
        let nothing = pem::Error::NoItemsFound;
        return Err(unreadable(&files.cert, "certificate", &nothing));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|e| unreadable(&files.key, "unencrypted private key", &e))?;
    let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
        let (cert, key) = (files.cert.display(), files.key.display());
        format!("{key}: cannot be used as the key of the certificate in {cert}: {error}")
    })?;
    Ok(Arc::new(key))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn unreadable(file: &Path, wanted: &str, error: &pem::Error) -> String {
    let file = file.display();
    match error {
        pem::Error::Io(error) => format!("{file}: cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("{file}: has no {wanted} in PEM"),
        error => format!("{file}: is not PEM: {error}"),
    }
}

fn cannot_be_set_up(error: &dyn Display) -> String {
    format!("TLS cannot be set up: {error}")
}
