//! `[health]`, `[shutdown]`, `[log]` and `[reload]`: how nodes are watched, stopped and read.

use std::time::Duration;

use perigee_geodns::{PanicShare, Thresholds, ViewConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{AccessLogTarget, Count, LevelName, Lifetime, Period, Share, Whole};

/// How nodes watch each other: GeoDNS nodes the edges, edges their peers and the shields.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Health {
    /// Between two probes of one node.
    pub(crate) interval: Period,
    /// How long a probe may take.
    pub(crate) timeout: Period,
    /// Failures in a row after which a node is out.
    pub(crate) fall: Count,
    /// Successes in a row after which it is in again.
    pub(crate) rise: Count,
    /// The share that must look healthy for health to be believed: when nearly all look dead, it is
    /// more likely that the one who looks is wrong. GeoDNS counts all edges; edges count those of
    /// their PoP, and the shields.
    pub(crate) panic_share: Share,
    /// How long a probe may take of a node that keeps a request waiting.
    pub(crate) suspect_timeout: Period,
    /// How long a node that has come back or started takes to be given all of its keys again.
    pub(crate) slow_start: Lifetime,
    /// A node that falls so soon after it came back must answer twice as often to be in again, and
    /// each further time twice as often again, up to 32 times.
    pub(crate) flap_window: Lifetime,
}

impl Default for Health {
    fn default() -> Self {
        let view = ViewConfig::default();
        Health {
            interval: Period(view.interval),
            timeout: Period(view.timeout),
            fall: Whole(view.thresholds.fall.into()),
            rise: Whole(view.thresholds.rise.into()),
            panic_share: Share(view.panic.0),
            suspect_timeout: Period(view.suspect_timeout),
            slow_start: Lifetime(view.slow_start),
            flap_window: Lifetime(view.flap_window),
        }
    }
}

impl Health {
    /// As a view of nodes takes it.
    pub(crate) fn build(&self) -> ViewConfig {
        ViewConfig {
            interval: self.interval.0,
            timeout: self.timeout.0,
            thresholds: Thresholds {
                fall: self.fall.as_u32(),
                rise: self.rise.as_u32(),
            },
            panic: PanicShare(self.panic_share.0),
            suspect_timeout: self.suspect_timeout.0,
            slow_start: self.slow_start.0,
            flap_window: self.flap_window.0,
        }
    }
}

/// How a node that drains stops.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shutdown {
    /// How long it still takes new requests after it has said that it drains, so that all who have
    /// its address find another. Default, for an edge of a CDN with GeoDNS nodes: the longest TTL of
    /// a service, and until the GeoDNS has noticed, which is `interval` and `timeout` of `[health]`;
    /// for a shield of one: until edges have noticed; for all other nodes: 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grace: Option<Lifetime>,
    /// How long the requests under way then have to finish.
    pub(crate) deadline: Lifetime,
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown {
            grace: None,
            deadline: Lifetime(Duration::from_secs(30)),
        }
    }
}

/// Logs. Changed by a restart only; SIGHUP opens the file of the access log anew.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// Where the access log goes, as lines of JSON: `stdout`, `stderr`, `off`, or the path of a
    /// file (with a dot or slash in it).
    pub(crate) access: AccessLogTarget,
    /// How much else is logged, to standard error.
    pub(crate) level: LevelName,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            access: AccessLogTarget::Stdout,
            level: LevelName::Info,
        }
    }
}

/// How a changed file is noticed. SIGHUP makes a node look at once.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reload {
    /// How often a node looks whether this file or a certificate has changed.
    pub(crate) check_interval: Period,
}

impl Default for Reload {
    fn default() -> Self {
        Reload {
            check_interval: Period(Duration::from_secs(2)),
        }
    }
}
