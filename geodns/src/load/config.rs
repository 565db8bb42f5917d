//! How a name server follows the load of edges.

use std::time::Duration;

/// What becomes of the clients that a PoP gives away. How many these are its edges decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadConfig {
    /// How long the same clients are chosen; each has its own moment at which its turn ends. At least a
    /// minute; default 1 h.
    pub turn: Duration,
}

impl Default for LoadConfig {
    fn default() -> Self {
        LoadConfig {
            turn: Duration::from_secs(3_600),
        }
    }
}
