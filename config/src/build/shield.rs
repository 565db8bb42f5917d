//! A shield's configuration.

use perigee_edge::Role;
use perigee_origin_shield::Config;

use super::{BuildError, Env};
use crate::Document;

impl Document {
    /// The configuration of the shield of this name.
    ///
    /// # Errors
    /// [`BuildError`] if no shield has this name, or an environment variable is not set.
    pub fn shield(&self, name: &str, env: Env<'_>) -> Result<Config, BuildError> {
        let node = self.find(name, Some(Role::Shield))?;
        Ok(Config {
            tier: self.tier(&node, env)?,
        })
    }
}
