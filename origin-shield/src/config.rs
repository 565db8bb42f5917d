//! What a shield needs to know.

/// The configuration of one shield. Its trust is not `None`: only nodes are admitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What an edge needs to know too.
    pub tier: perigee_tier::Config,
}
