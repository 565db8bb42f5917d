//! Certificates by host name (SNI), reloadable.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};

use crate::sni::Names;

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

impl CertError {
    fn at(file: &Path, what: impl std::fmt::Display) -> Self {
        CertError(format!("{}: {what}", file.display()))
    }
}

impl std::fmt::Display for CertError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertError {}

/// The certificates of a node. The first one serves clients that send no SNI or an unknown one.
#[derive(Debug)]
pub struct CertStore {
    config: Arc<ServerConfig>,
}

impl CertStore {
    /// Loads and checks all files: chain and key parse and belong together.
    ///
    /// # Errors
    /// [`CertError`] names the first file that is wrong.
    pub fn load(files: &[CertFiles]) -> Result<Self, CertError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut names: Option<Names> = None;
        for files in files {
            let certificate = Arc::new(load(files, &provider)?);
            let hosts = hosts(files, &certificate)?;
            let is_first = names.is_none();
            let names = names.get_or_insert_with(|| Names::new(Arc::clone(&certificate)));
            if hosts.is_empty() && !is_first {
                let what = "names no host, so no client would get it; say which `hosts` it serves";
                return Err(CertError::at(&files.cert, what));
            }
            for host in hosts {
                names.add(&host, &certificate);
            }
        }
        let names = names.ok_or_else(|| CertError("no certificate is given".to_owned()))?;
        Ok(CertStore {
            config: config(names, provider)?,
        })
    }

    /// The TLS configuration: ALPN h2 and http/1.1, TLS 1.2 and 1.3, aws-lc-rs.
    pub fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn config(names: Names, provider: Arc<CryptoProvider>) -> Result<Arc<ServerConfig>, CertError> {
    let unusable = |error: rustls::Error| CertError(format!("TLS cannot be set up: {error}"));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(names));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Clients resume without the server remembering them.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
    Ok(Arc::new(config))
}

fn load(files: &CertFiles, provider: &CryptoProvider) -> Result<CertifiedKey, CertError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(&files.cert, "certificate", &error))?;
    if chain.is_empty() {
        return Err(unreadable(
            &files.cert,
            "certificate",
            &pem::Error::NoItemsFound,
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable(&files.key, "unencrypted private key", &error))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => CertError::at(
            &files.key,
            format_args!(
                "is not the key of the certificate in {}",
                files.cert.display()
            ),
        ),
        rustls::Error::InvalidCertificate(error) => CertError::at(
            &files.cert,
            format_args!("the certificate is not valid: {error}"),
        ),
        error => CertError::at(&files.key, format_args!("the key cannot be used: {error}")),
    })
}

fn unreadable(file: &Path, wanted: &str, error: &pem::Error) -> CertError {
    match error {
        pem::Error::Io(error) => CertError::at(file, format_args!("cannot be read: {error}")),
        pem::Error::NoItemsFound => CertError::at(file, format_args!("has no {wanted} in PEM")),
        error => CertError::at(file, format_args!("is not PEM: {error}")),
    }
}

/// The hosts that a certificate is for.
fn hosts(files: &CertFiles, certificate: &CertifiedKey) -> Result<Vec<String>, CertError> {
    let invalid = |error: &dyn std::fmt::Display| {
        CertError::at(
            &files.cert,
            format_args!("the certificate is not valid: {error}"),
        )
    };
    let leaf = certificate
        .end_entity_cert()
        .map_err(|error| invalid(&error))?;
    let leaf = webpki::EndEntityCert::try_from(leaf).map_err(|error| invalid(&error))?;
    if files.hosts.is_empty() {
        Ok(leaf.valid_dns_names().map(str::to_owned).collect())
    } else {
        Ok(files.hosts.clone())
    }
}

#[cfg(test)]
#[path = "certs/tests.rs"]
mod tests;
