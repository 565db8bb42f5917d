//! Whom an https endpoint trusts.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::TargetError;

/// A TLS client that verifies against the authorities in `ca_file`, or else the system's.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TargetError> {
    let roots = match ca_file {
        Some(path) => roots_from_file(path)?,
        None => system_roots()?,
    };
    Ok(
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TargetError(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

fn roots_from_file(path: &Path) -> Result<RootCertStore, TargetError> {
    let fault = |what: String| TargetError(format!("CA file {}: {what}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| fault(format!("a certificate in it cannot be used: {error}")))?;
    }
    if roots.is_empty() {
        return Err(fault(
            "no certificate in it; give a PEM file with at least one BEGIN CERTIFICATE block"
                .into(),
        ));
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, TargetError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few that are malformed; the others serve.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})"));
        return Err(TargetError(format!(
            "no certificate authorities found on this system{}, so https cannot be verified; \
             install the ca-certificates package, set SSL_CERT_FILE, or name a CA file for this \
             endpoint",
            why.unwrap_or_default()
        )));
    }
    Ok(roots)
}
