//! `[dns.query_log]`: what name servers write down of queries.

use perigee_geodns::QueryLogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{AccessLogTarget, Share, Whole};

/// What name servers write down of queries, as lines of JSON. Nothing of it is waited for: what cannot be
/// written in time is dropped, and counted by `perigee_access_log_dropped`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsQueryLog {
    /// Where to: `stdout`, `stderr`, `off`, or the path of a file (with a dot or slash in it), which SIGHUP
    /// opens anew. Changed by a restart only.
    pub(crate) target: AccessLogTarget,
    /// The share of queries that is written down.
    pub(crate) sample: Share,
    /// The bits of IPv4 addresses that are told.
    pub(crate) prefix: Whole<0, 32>,
    /// The bits of IPv6 addresses that are told.
    pub(crate) prefix6: Whole<0, 128>,
}

impl Default for DnsQueryLog {
    fn default() -> Self {
        let config = QueryLogConfig::default();
        DnsQueryLog {
            target: AccessLogTarget::Off,
            sample: Share(config.sample),
            prefix: Whole(config.prefix_v4.into()),
            prefix6: Whole(config.prefix_v6.into()),
        }
    }
}

impl DnsQueryLog {
    /// As a name server takes it.
    pub(crate) fn build(&self) -> QueryLogConfig {
        let bits = |bits: u64| u8::try_from(bits).unwrap_or(u8::MAX);
        QueryLogConfig {
            sample: self.sample.0,
            prefix_v4: bits(self.prefix.0),
            prefix_v6: bits(self.prefix6.0),
        }
    }
}
