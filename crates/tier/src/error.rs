//! Why a node does not start, or does not take a new configuration.

use std::fmt;

use perigee_server::BindError;

/// Why a node cannot start: says which address, file or origin, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub String);

/// Why a new configuration was refused; the old one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        StartError(error.0)
    }
}

impl std::error::Error for StartError {}
impl std::error::Error for ReloadError {}
