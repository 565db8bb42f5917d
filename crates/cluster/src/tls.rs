//! Mutual TLS between nodes: each has a certificate of the CDN's own authority that names it.

use std::{
    error, fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    CertificateError, ClientConfig, RootCertStore, ServerConfig,
    client::{Resumption, WebPkiServerVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};

/// The PEM files of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of the authority; several while one follows another.
    pub ca: PathBuf,
    /// The certificate of this node, and what stands between it and the authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a file cannot be used: names it, and says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(pub String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for TlsError {}

/// Configurations for both ends of a connection between nodes: TLS 1.3, certificates of the
/// authority from both. Sessions are not resumed, so that every connection shows a certificate that
/// is good then.
pub struct TierTls {
    node: Box<str>,
    files: TlsFiles,
    client: Arc<ArcSwap<ClientConfig>>,
    server: ArcSwap<ServerConfig>,
}

impl TierTls {
    /// Reads the files, and checks that the node's certificate is good for it at `now`.
    ///
    /// # Errors
    /// [`TlsError`] names the first file that is wrong.
    pub(crate) fn load(node: &str, files: &TlsFiles, now: SystemTime) -> Result<Self, TlsError> {
        let (client, server) = configs(node, files, now)?;
        Ok(TierTls {
            node: node.into(),
            files: files.clone(),
            client: Arc::new(ArcSwap::from_pointee(client)),
            server: ArcSwap::from_pointee(server),
        })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// [`TlsError`] names the first file that is wrong; what there was stays.
    pub(crate) fn reload(&self, now: SystemTime) -> Result<(), TlsError> {
        let (client, server) = configs(&self.node, &self.files, now)?;
        self.client.store(Arc::new(client));
        self.server.store(Arc::new(server));
        Ok(())
    }

    /// For connections to other nodes: load it for each, as it may be replaced.
    pub fn client_config(&self) -> &Arc<ArcSwap<ClientConfig>> {
        &self.client
    }

    /// For connections from other nodes.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.server.load_full()
    }
}

impl fmt::Debug for TierTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TierTls")
            .field("node", &self.node)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// The name that a node's certificate must have, as TLS takes it.
///
/// # Errors
/// A text that says why no certificate can have it.
pub fn server_name(node: &str) -> Result<ServerName<'static>, String> {
    match ServerName::try_from(node.to_owned()) {
        Ok(name @ ServerName::DnsName(_)) => Ok(name),
        _ => Err(format!(
            "no certificate can name the node {node:?}: use letters, digits and hyphens"
        )),
    }
}

fn configs(
    node: &str,
    files: &TlsFiles,
    now: SystemTime,
) -> Result<(ClientConfig, ServerConfig), TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Arc::new(roots(&files.ca)?);
    let key = Arc::new(certified_key(files, &provider)?);
    let no_verifier = |error: &dyn fmt::Display| at(&files.ca, error);
    let servers = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|error| no_verifier(&error))?;
    let clients = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| no_verifier(&error))?;
    check(node, files, &key, &*clients, now)?;

    let unusable = |error: rustls::Error| TlsError(format!("TLS cannot be set up: {error}"));
    let own = Arc::new(SingleCertAndKey::from(key));
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_webpki_verifier(servers)
        .with_client_cert_resolver(own.clone());
    client.resumption = Resumption::disabled();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(own);
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((client, server))
}

/// What other nodes will find wrong with this node's certificate is better said here.
fn check(
    node: &str,
    files: &TlsFiles,
    key: &CertifiedKey,
    verifier: &dyn ClientCertVerifier,
    now: SystemTime,
) -> Result<(), TlsError> {
    let name = server_name(node).map_err(TlsError)?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(since.unwrap_or(Duration::ZERO));
    let (leaf, between) = key
        .cert
        .split_first()
        .ok_or_else(|| at(&files.cert, "has no certificate in PEM"))?;
    let ca = files.ca.display();
    verifier
        .verify_client_cert(leaf, between, now)
        .map_err(|error| match error {
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => at(
                &files.cert,
                format_args!("the certificate is not of the authority in {ca}"),
            ),
            error => at(&files.cert, in_words(&error)),
        })?;
    let leaf = webpki::EndEntityCert::try_from(leaf).map_err(|error| at(&files.cert, error))?;
    leaf.verify_is_valid_for_subject_name(&name).map_err(|_| {
        let names: Vec<&str> = leaf.valid_dns_names().collect();
        let what = format!(
            "the certificate must name the node {node:?} and names {names:?}: make one with \
             `perigee tier-certs`"
        );
        at(&files.cert, what)
    })
}

fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let unusable = |error| at(file, format_args!("a certificate cannot be used: {error}"));
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(roots)
}

fn certified_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable(&files.key, "unencrypted private key", &error))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let cert = files.cert.display();
            at(
                &files.key,
                format_args!("is not the key of the certificate in {cert}"),
            )
        }
        error => at(&files.key, format_args!("the key cannot be used: {error}")),
    })
}

/// At least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, "certificate", &error))?;
    match found.is_empty() {
        true => Err(unreadable(file, "certificate", &pem::Error::NoItemsFound)),
        false => Ok(found),
    }
}

fn at(file: &Path, what: impl fmt::Display) -> TlsError {
    TlsError(format!("{}: {what}", file.display()))
}

fn unreadable(file: &Path, wanted: &str, error: &pem::Error) -> TlsError {
    match error {
        pem::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => at(
            file,
            "is not there: [tier.tls] names it, and `perigee tier-certs` makes it",
        ),
        pem::Error::Io(error) => at(file, format_args!("cannot be read: {error}")),
        pem::Error::NoItemsFound => at(file, format_args!("has no {wanted} in PEM")),
        error => at(file, format_args!("is not PEM: {error}")),
    }
}

/// Why a connection to another node failed.
pub(crate) fn in_words(error: &rustls::Error) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
    };
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            // The other one: an authority of the same name.
            UnknownIssuer | BadSignature => {
                "the certificate is not of this CDN's authority".to_owned()
            }
            Expired | ExpiredContext { .. } => "the certificate has expired".to_owned(),
            NotValidYet | NotValidYetContext { .. } => {
                "the certificate is not valid yet: compare the clocks".to_owned()
            }
            NotValidForName | NotValidForNameContext { .. } => {
                "the certificate names another node".to_owned()
            }
            other => format!("the certificate is not good: {other}"),
        },
        rustls::Error::AlertReceived(alert) => {
            format!("it refuses this node's certificate: TLS alert {alert:?}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
