//! `[purge]`: how nodes learn of what was purged while they could not be reached.

use perigee_edge::PurgeConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Period, Whole};

/// Edges and shields keep logs of what they have purged, and read those of each other. Changed by a
/// restart only.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Purge {
    /// A node that has not heard of others for so long validates what it received longer ago than
    /// that before it serves it: something may have been purged.
    pub(crate) out_of_touch: Period,
    /// Purges that a node keeps in its log. One that was away for more than these validates all that
    /// it held.
    pub(crate) log_entries: Whole<100, 1_000_000>,
}

impl Default for Purge {
    fn default() -> Self {
        let purge = PurgeConfig::default();
        Purge {
            out_of_touch: Period(purge.out_of_touch),
            log_entries: Whole(purge.log_entries as u64),
        }
    }
}
