//! What nodes share and who may command them, from the file or from the environment.

use super::{BuildError, Env};
use crate::{
    Document,
    at::At,
    units::{EnvName, Secret},
    validate::SHORTEST,
};

impl Document {
    /// What the nodes share, so that they know each other; `None` if the only node is alone.
    ///
    /// # Errors
    /// [`BuildError`] if its environment variable is not set, or is too short.
    pub fn secret(&self, env: Env<'_>) -> Result<Option<Vec<u8>>, BuildError> {
        let cdn = &self.file.cdn;
        let secret = either(
            "cdn",
            "secret",
            cdn.secret.as_ref(),
            cdn.secret_env.as_ref(),
            SHORTEST,
            env,
        )?;
        Ok(secret.map(String::into_bytes))
    }

    /// Whether a secret, token or password stands in the text itself.
    pub fn has_literal_secret(&self) -> bool {
        let membership = self.file.membership.as_ref();
        let dns = self.file.dns.as_ref();
        self.file.cdn.secret.is_some()
            || dns.is_some_and(|dns| !dns.cookies.secrets.is_empty())
            || self.file.admin.token.is_some()
            || membership.is_some_and(|membership| membership.password.is_some())
    }

    /// What the admin APIs want to be sent, if anything.
    ///
    /// # Errors
    /// [`BuildError`] if its environment variable is not set, or is too short.
    pub fn admin_token(&self, env: Env<'_>) -> Result<Option<String>, BuildError> {
        let admin = &self.file.admin;
        either(
            "admin",
            "token",
            admin.token.as_ref(),
            admin.token_env.as_ref(),
            SHORTEST,
            env,
        )
    }
}

/// The value in the file, or of the environment variable that the file names.
pub(super) fn either(
    table: &str,
    key: &str,
    value: Option<&At<Secret>>,
    variable: Option<&At<EnvName>>,
    shortest: usize,
    env: Env<'_>,
) -> Result<Option<String>, BuildError> {
    if let Some(value) = value {
        return Ok(Some(value.0.clone()));
    }
    let Some(variable) = variable.map(|variable| variable.0.as_str()) else {
        return Ok(None);
    };
    match env(variable) {
        Some(value) if value.len() >= shortest => Ok(Some(value)),
        Some(value) if value.is_empty() => Err(BuildError(format!(
            "the environment variable {variable} is empty: the file says that it holds the {key} ({key}_env in [{table}])"
        ))),
        Some(value) => Err(BuildError(format!(
            "the {key} in the environment variable {variable} has {} bytes, and less than {shortest} are too easy to guess: make one with `openssl rand -hex 32`",
            value.len()
        ))),
        None => Err(BuildError(format!(
            "the environment variable {variable} is not set: the file says that it holds the {key} ({key}_env in [{table}])"
        ))),
    }
}
