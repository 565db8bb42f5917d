//! `[dns.measure]`: how far clients are, as edges measure it.

use perigee_geodns::{MeasureConfig as OfNameServer, Order};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dns;
use crate::units::{Count, Period, Share, Whole};

/// Edges note the kernel's round-trip times of their clients' connections, by network (/24, or /48 in
/// IPv6), and name servers ask for them: policies with `order = "latency"` go by them.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsMeasure {
    /// Whether this is done at all. Default: where a rule of a policy has `order = "latency"`.
    pub(crate) enabled: Option<bool>,
    /// Networks that an edge keeps at once. With another value, it begins anew.
    pub(crate) prefixes: Whole<8, 65_536>,
    /// The share of connections that are measured, when they end.
    pub(crate) sample: Share,
    /// Connections of a network after which it is told.
    pub(crate) connections: Count,
    /// How long a network is told after its last connection, and how long what an edge has told is used
    /// when it does not answer any more.
    pub(crate) keep: Period,
    /// How often name servers ask the edges: at multiples of it since 1970, all at the same moments. At
    /// least 100 ms count.
    pub(crate) interval: Period,
    /// Whether loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) and link-local addresses are
    /// measured, too.
    pub(crate) private: bool,
}

impl Default for DnsMeasure {
    fn default() -> Self {
        let (edge, dns) = (
            perigee_edge::MeasureConfig::default(),
            OfNameServer::default(),
        );
        DnsMeasure {
            enabled: None,
            prefixes: Whole(edge.prefixes as u64),
            sample: Share(edge.sample),
            connections: Whole(edge.connections.into()),
            keep: Period(edge.keep),
            interval: Period(dns.interval),
            private: edge.private,
        }
    }
}

impl Dns {
    /// Whether edges measure how far their clients are.
    fn measures(&self) -> bool {
        let rules = || self.policies.iter().flat_map(|policy| &policy.rules.0);
        let by_latency = || rules().any(|rule| rule.order() == Order::Latency);
        self.measure.enabled.unwrap_or_else(by_latency)
    }

    /// As an edge takes it.
    pub(crate) fn measure_of_edge(&self) -> Option<perigee_edge::MeasureConfig> {
        let measure = &self.measure;
        self.measures().then(|| perigee_edge::MeasureConfig {
            prefixes: measure.prefixes.as_usize(),
            sample: measure.sample.0,
            connections: measure.connections.as_u32(),
            keep: measure.keep.0,
            private: measure.private,
        })
    }

    /// As a name server takes it.
    pub(crate) fn measure(&self) -> OfNameServer {
        OfNameServer {
            enabled: self.measures(),
            interval: self.measure.interval.0,
            keep: self.measure.keep.0,
        }
    }
}
