//! What is done against abuse.

use perigee_geodns::{CookieSecret, GuardConfig};

use crate::{
    Document,
    build::{BuildError, Env},
    sections::Dns,
    units::{CookieKey, EnvName, Scalar},
};

impl Document {
    pub(super) fn guard(&self, dns: &Dns, env: Env<'_>) -> Result<GuardConfig, BuildError> {
        let mut secrets: Vec<CookieSecret> = dns.cookies.secrets.iter().map(|key| key.0).collect();
        if let Some(variable) = &dns.cookies.secrets_env {
            secrets.extend(from_env(variable, env)?);
        }
        Ok(GuardConfig {
            rate_limit: dns.rate_limit.build(),
            cookies: dns.cookies.mode.into(),
            cookie_secrets: secrets,
            derived_from: self.secret(env)?.unwrap_or_default(),
        })
    }
}

fn from_env(variable: &EnvName, env: Env<'_>) -> Result<Vec<CookieSecret>, BuildError> {
    let variable = variable.0.as_str();
    let value = env(variable).ok_or_else(|| {
        BuildError(format!(
            "the environment variable {variable} is not set: the file says that it holds the secrets \
             of DNS Cookies (secrets_env in [dns.cookies])"
        ))
    })?;
    let keys = value
        .split(',')
        .map(|text| CookieKey::from_text(text.trim()));
    keys.map(|key| key.map(|key| key.0))
        .collect::<Result<_, _>>()
        .map_err(|why| BuildError(format!("the environment variable {variable}: {why}")))
}
