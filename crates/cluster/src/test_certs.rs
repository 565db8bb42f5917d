//! Certificates for tests, by an authority of their own.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::TlsFiles;

/// A time at which all certificates are good, as at any time of ours.
pub(crate) fn some_day() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000)
}

/// An authority, and the folder with what it has signed.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = TempDir::new().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Authority { folder, issuer }
    }

    /// Writes a new certificate for this node.
    pub(crate) fn certify(&self, node: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![node.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = self.named(node);
        fs::write(files.cert, certificate.pem()).unwrap();
        fs::write(files.key, key.serialize_pem()).unwrap();
    }

    /// The files of a node that has a certificate.
    pub(crate) fn files(&self, node: &str) -> TlsFiles {
        self.certify(node);
        self.named(node)
    }

    fn named(&self, node: &str) -> TlsFiles {
        let folder = self.folder.path();
        TlsFiles {
            ca: folder.join("ca.pem"),
            cert: folder.join(format!("{node}.pem")),
            key: folder.join(format!("{node}.key")),
        }
    }
}
