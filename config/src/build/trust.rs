//! What a node and the others know each other by.

use perigee_edge::TrustConfig;

use super::{BuildError, Env};
use crate::{Document, units::TrustName};

impl Document {
    /// By what this node and the others know each other; `None` if the only node is alone.
    ///
    /// # Errors
    /// [`BuildError`] if the secret's environment variable is not set, or is too short.
    pub fn trust(&self, node: &str, env: Env<'_>) -> Result<Option<TrustConfig>, BuildError> {
        let secret = self.secret(env)?;
        let tls = match self.file.tier.trust {
            TrustName::Secret => None,
            TrustName::Mtls => self.file.tier.tls.as_ref(),
        };
        let tls = tls.map(|tls| tls.files(&self.folder, node));
        if secret.is_none() && tls.is_none() {
            return Ok(None);
        }
        Ok(Some(TrustConfig {
            node: node.into(),
            secret,
            tls,
        }))
    }
}
