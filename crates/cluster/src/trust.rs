//! By what nodes know each other: the shared secret, certificates of one authority, or both.

use std::{fmt, sync::Arc, time::SystemTime};

use crate::{
    Credential, NodeName, Proof, Refused,
    tls::{TierTls, TlsFiles},
};

/// What a node's trust is made of. With neither a secret nor certificates there is none.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustConfig {
    /// The node that it is for.
    pub node: NodeName,
    /// What the nodes of the CDN share.
    pub secret: Option<Vec<u8>>,
    /// The certificate of this node, and the authority of all of them: mutual TLS.
    pub tls: Option<TlsFiles>,
}

impl fmt::Debug for TrustConfig {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustConfig")
            .field("node", &self.node)
            .field("secret", &self.secret.as_ref().map(|_| "…"))
            .field("tls", &self.tls)
            .finish()
    }
}

/// By what this node proves itself to others, and judges them.
#[derive(Debug)]
pub struct Trust {
    config: TrustConfig,
    credential: Option<Credential>,
    tls: Option<TierTls>,
}

impl Trust {
    /// Builds it, and reads its files. With the same configuration as `before` that one goes on,
    /// with what its files hold now: connections are made with the new certificates from then on.
    ///
    /// # Errors
    /// A text that says which secret or file cannot be used. Nothing has changed then.
    pub fn load(
        config: &TrustConfig,
        before: Option<&Arc<Trust>>,
        now: SystemTime,
    ) -> Result<Arc<Self>, String> {
        if let Some(before) = before.filter(|before| before.config == *config) {
            if let Some(tls) = &before.tls {
                tls.reload(now).map_err(|e| e.0)?;
            }
            return Ok(Arc::clone(before));
        }
        let node = config.node.as_str();
        let credential = match &config.secret {
            Some(secret) => Some(Credential::new(secret, node).map_err(|e| e.0)?),
            None => None,
        };
        let tls = match &config.tls {
            Some(files) => Some(TierTls::load(node, files, now).map_err(|e| e.0)?),
            None => None,
        };
        if credential.is_none() && tls.is_none() {
            return Err("nodes need a shared secret or certificates to know each other by".into());
        }
        Ok(Arc::new(Trust {
            config: config.clone(),
            credential,
            tls,
        }))
    }

    /// Trust by the shared secret alone.
    ///
    /// # Errors
    /// A text that says why the secret or the name cannot be used.
    pub fn by_secret(secret: &[u8], node: &str) -> Result<Arc<Self>, String> {
        let config = TrustConfig {
            node: node.into(),
            secret: Some(secret.to_vec()),
            tls: None,
        };
        Trust::load(&config, None, SystemTime::UNIX_EPOCH)
    }

    /// The name of this node.
    pub fn node(&self) -> &str {
        self.config.node.as_str()
    }

    /// How connections between nodes are made, if that is over TLS.
    pub fn tls(&self) -> Option<&TierTls> {
        self.tls.as_ref()
    }

    /// The field value that goes with a request to another node: a proof that `proof` was made
    /// with the secret; without one, only the name, which the certificate then has to prove.
    pub fn sign(&self, proof: &Proof<'_>, now: SystemTime) -> String {
        match &self.credential {
            Some(credential) => credential.sign(proof, now),
            None => format!("{CLAIM}{}", self.config.node),
        }
    }

    /// The name of the node that sent this field value. `certificate` has the names for which the
    /// other side of the connection has proved a certificate of the authority, if it has any.
    ///
    /// # Errors
    /// [`Refused`] if anything that this trust is made of is missing or wrong.
    pub fn verify<'v>(
        &self,
        value: &'v str,
        proof: &Proof<'_>,
        certificate: Option<&[String]>,
        now: SystemTime,
    ) -> Result<&'v str, Refused> {
        let node = match &self.credential {
            Some(credential) => credential.verify(value, proof, now)?,
            None => value.strip_prefix(CLAIM).ok_or(Refused::Malformed)?,
        };
        // One of the two there always is.
        if self.tls.is_some() {
            let names = certificate.ok_or(Refused::NoCertificate)?;
            let is_its = |name: &String| name.eq_ignore_ascii_case(node);
            if !names.iter().any(is_its) {
                return Err(Refused::OtherName);
            }
        }
        Ok(node)
    }
}

/// What stands before a node's name where no secret is shared.
const CLAIM: &str = "v1;n=";

#[cfg(test)]
mod tests;
