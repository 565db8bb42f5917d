//! From the file to what each role's room wants.

mod broken;
mod common;
mod edge;
mod geodns;
mod membership;
mod node;
mod notes;
mod policies;
mod purge;
mod secrets;
mod services;
mod shield;
mod tier;
mod trust;
mod zone;

use std::fmt;

pub use geodns::SignedZone;
pub use node::{AccessLog, Level, Log, NodeCommon, NodeSummary, Shutdown};

/// Why a node's configuration cannot be built from a good file: an unknown name, another role, an
/// environment variable that is not set. Says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError(pub String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// Looks an environment variable up. Passed in, so that nothing here reads the process's own.
pub(crate) type Env<'e> = &'e dyn Fn(&str) -> Option<String>;
