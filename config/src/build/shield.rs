//! A shield's configuration.

use perigee_edge::Role;
use perigee_origin_shield::Config;

use super::{BuildError, Env, common::node_name};
use crate::Document;

impl Document {
    /// The configuration of the shield of this name.
    ///
    /// # Errors
    /// [`BuildError`] if no shield has this name, or an environment variable is not set.
    pub fn shield(&self, name: &str, env: Env<'_>) -> Result<Config, BuildError> {
        let node = self.find(name, Some(Role::Shield))?;
        let secret = self.secret(env)?;
        Ok(Config {
            node: node_name(&node),
            cdn_id: self.cdn_id(),
            version: self.version(),
            listen: node.listen.iter().map(|address| address.0).collect(),
            services: self.services(),
            secret: secret
                .ok_or_else(|| BuildError("a shield needs a secret in [cdn]".to_owned()))?,
            memory: self.file.storage.build(),
            limits: self.file.limits.build(),
            max_requests: self.file.limits.max_requests.as_usize(),
            coalesce_wait: self.file.limits.coalesce_wait.0,
            tunnel_idle_timeout: self.file.limits.tunnel_idle_timeout.0,
        })
    }
}
