//! `[dns.load]`: what becomes of the clients of a PoP that has too much to do.

use std::time::Duration;

use perigee_edge::SpillConfig;
use perigee_geodns::LoadConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{PartialShare, Period, PositiveShare, Share};

/// What becomes of the clients of a PoP that has too much to do: a growing share of them, the farthest
/// first, is sent to the next PoP, until there is room again. Loads are shares of the `capacity` of edges.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsLoad {
    /// Whether clients are sent away at all on account of load.
    pub(crate) spill: bool,
    /// The load of an edge above which it gives clients away.
    pub(crate) threshold: PositiveShare,
    /// The load that is borne rather than to give away all. Between this and `threshold`, the more is
    /// given away the more load is borne, so that PoPs that are all busy share what is too much.
    pub(crate) full: PositiveShare,
    /// So far below the threshold clients are taken back.
    pub(crate) hysteresis: PartialShare,
    /// How often an edge decides anew, by the mean of its load since the last time.
    pub(crate) epoch: Period,
    /// How much more of its clients an edge gives away within the longest TTL of a service, at most.
    pub(crate) rise: Share,
    /// How much it takes back within that time, at most.
    pub(crate) fall: Share,
    /// The share that is given away at most.
    pub(crate) most: PartialShare,
    /// How long the same clients are chosen to go; then others take their turn.
    pub(crate) turn: Period,
}

impl Default for DnsLoad {
    fn default() -> Self {
        let spill = SpillConfig::default();
        DnsLoad {
            spill: true,
            threshold: PositiveShare(spill.threshold),
            full: PositiveShare(spill.full),
            hysteresis: PartialShare(spill.hysteresis),
            epoch: Period(spill.epoch),
            rise: Share(spill.rise),
            fall: Share(spill.fall),
            most: PartialShare(spill.most),
            turn: Period(LoadConfig::default().turn),
        }
    }
}

impl DnsLoad {
    /// As an edge takes it, whose clients are told for so long.
    pub(crate) fn of_edge(&self, ttl: Duration) -> Option<SpillConfig> {
        self.spill.then_some(SpillConfig {
            threshold: self.threshold.0,
            full: self.full.0,
            hysteresis: self.hysteresis.0,
            epoch: self.epoch.0,
            settle: ttl,
            rise: self.rise.0,
            fall: self.fall.0,
            most: self.most.0,
        })
    }

    /// As a name server takes it.
    pub(crate) fn build(&self) -> LoadConfig {
        LoadConfig { turn: self.turn.0 }
    }
}
