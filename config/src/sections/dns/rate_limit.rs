//! `[dns.rate_limit]`: what networks are sent over UDP, at most.

use perigee_geodns::RateLimit;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::units::{Net, Period, Whole};

/// Response rate limiting: what a network is sent over UDP, at most, so that nobody can have others
/// flooded by forging their address. Clients that come over TCP, or with a good cookie, have no limit.
/// A response counts once for each 512 bytes that it begins.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsRateLimit {
    /// Whether there is a limit.
    pub(crate) enabled: bool,
    /// Responses a second with data of one name, to one network.
    pub(crate) answers: Rate,
    /// Responses a second to one network that a name or type does not exist; and errors.
    pub(crate) errors: Rate,
    /// Of so many responses over the limit one is replaced by TC, or BADCOOKIE to who sent a cookie, so
    /// that a real client gets on; the others are not sent. 0: none of them is.
    pub(crate) slip: Whole<0, 100>,
    /// Who goes on above the limit stays limited until it has kept it for as long.
    pub(crate) window: Period,
    /// The length of the networks that have limits, of IPv4.
    pub(crate) ipv4_prefix: Whole<8, 32>,
    /// The same of IPv6.
    pub(crate) ipv6_prefix: Whole<16, 64>,
    /// Networks without a limit. Default: this machine.
    pub(crate) exempt: Vec<Net>,
    /// Networks and kinds of response that are counted at once, 8 bytes each; when all are in use, those
    /// that have most credit are forgotten.
    pub(crate) table: Whole<8, 67_108_864>,
}

/// Responses a second.
type Rate = Whole<1, 1_000_000>;

impl Default for DnsRateLimit {
    fn default() -> Self {
        let limits = RateLimit::default();
        DnsRateLimit {
            enabled: true,
            answers: Whole(limits.answers.into()),
            errors: Whole(limits.errors.into()),
            slip: Whole(limits.slip.into()),
            window: Period(limits.window),
            ipv4_prefix: Whole(limits.ipv4_prefix.into()),
            ipv6_prefix: Whole(limits.ipv6_prefix.into()),
            exempt: limits.exempt.into_iter().map(Net).collect(),
            table: Whole(limits.table as u64),
        }
    }
}

impl DnsRateLimit {
    /// As the name server takes it.
    pub(crate) fn build(&self) -> Option<RateLimit> {
        self.enabled.then(|| RateLimit {
            answers: self.answers.as_u32(),
            errors: self.errors.as_u32(),
            slip: self.slip.as_u32(),
            window: self.window.0,
            ipv4_prefix: self.ipv4_prefix.as_u16() as u8,
            ipv6_prefix: self.ipv6_prefix.as_u16() as u8,
            exempt: self.exempt.iter().map(|net| net.0).collect(),
            table: self.table.as_usize(),
        })
    }
}
