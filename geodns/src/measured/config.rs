//! What is configured about measurements.

use std::time::Duration;

/// How a name server uses what edges have measured.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureConfig {
    /// Whether it does. Default false.
    pub enabled: bool,
    /// How often edges are asked, at the same moments by all name servers. Default 30 s.
    pub interval: Duration,
    /// How long what an edge has told is used when it does not answer any more. Default 24 h.
    pub keep: Duration,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        MeasureConfig {
            enabled: false,
            interval: Duration::from_secs(30),
            keep: Duration::from_secs(24 * 3_600),
        }
    }
}
