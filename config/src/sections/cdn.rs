//! `[cdn]` and `[admin]`: what the nodes share, and who may command them.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    at::At,
    units::{EnvName, Name, Secret},
};

/// What concerns the whole CDN.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cdn {
    /// What the CDN is called in CDN-Loop (RFC 8586), by which it knows its own requests when they
    /// come back to it. Default: the zone of `[dns]`, else `perigee-` and the first edge's name.
    pub(crate) id: Option<Name>,
    /// What the nodes share, so that they know each other: at least 16 bytes, better 32 random
    /// ones. This or `secret_env` is needed when there is more than one node, or a shield.
    pub(crate) secret: Option<At<Secret>>,
    /// The environment variable that holds the secret, which then stays out of the file.
    pub(crate) secret_env: Option<At<EnvName>>,
}

/// The admin API of each node. Changed by a restart only.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// What callers must send as `Authorization: Bearer TOKEN`, at least 16 bytes. This or
    /// `token_env` is needed when an `admin` address is not loopback.
    pub(crate) token: Option<At<Secret>>,
    /// The environment variable that holds the token.
    pub(crate) token_env: Option<At<EnvName>>,
}
