//! What a shield needs to know.

/// The configuration of one shield.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What an edge needs to know too.
    pub tier: perigee_tier::Config,
    /// What the nodes of the CDN share: only who proves it is admitted.
    pub secret: Vec<u8>,
}
