//! Which certificate a client gets for the name it asks for (RFC 6066 section 3).

use std::{collections::HashMap, sync::Arc};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Certificates by name.
#[derive(Debug)]
pub(crate) struct Names {
    default: Arc<CertifiedKey>,
    /// By host name in lower case. Several for one host differ in the kind of key.
    exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
}

impl Names {
    pub(crate) fn new(default: Arc<CertifiedKey>) -> Self {
        Names {
            default,
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        }
    }

    /// Serves `host`, or one label under it if it begins with `*.`, with this certificate.
    pub(crate) fn add(&mut self, host: &str, certificate: &Arc<CertifiedKey>) {
        let host = host.to_ascii_lowercase();
        let (names, name) = match host.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcard, parent),
            None => (&mut self.exact, host.as_str()),
        };
        names
            .entry(name.into())
            .or_default()
            .push(Arc::clone(certificate));
    }

    /// The certificates for a host name in lower case.
    fn find(&self, host: &str) -> Option<&[Arc<CertifiedKey>]> {
        let by_wildcard = || self.wildcard.get(host.split_once('.')?.1);
        self.exact.get(host).or_else(by_wildcard).map(Vec::as_slice)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let can_be_checked =
            |certificate: &&Arc<CertifiedKey>| certificate.key.choose_scheme(schemes).is_some();
        let host = hello.server_name().map(str::to_ascii_lowercase);
        let found = host.and_then(|host| self.find(&host));
        let best = found.and_then(|found| found.iter().find(can_be_checked).or(found.first()));
        Some(Arc::clone(best.unwrap_or(&self.default)))
    }
}
