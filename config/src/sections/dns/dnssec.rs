//! `[dns.dnssec]`: how the zone is signed.

use perigee_geodns::dnssec::DnssecConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Count, FilePath, Period, Ttl, Whole};

/// Signs the zone (DNSSEC): answers are signed as they are asked for, and what is not there is denied
/// compactly (RFC 9824). The keys are made and rolled with `perigee dnssec`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dnssec {
    /// The folder of the zone's keys, relative to this file, in BIND's format: `K*.key` and
    /// `K*.private`, the latter for their owner alone (mode 0600). The same on all GeoDNS nodes; what
    /// changes in it is noticed.
    pub(crate) keys: FilePath,
    /// From when a signature is made until it expires; dated back by an hour besides. It is made anew
    /// after a quarter of this, so that no answer expires before three quarters of it have passed.
    pub(crate) validity: Period,
    /// TTL of the DNSKEY, CDS and CDNSKEY records.
    pub(crate) dnskey_ttl: Ttl,
    /// Whether CDS and CDNSKEY records tell the parent which DS it should have (RFC 7344, RFC 8078).
    pub(crate) cds: bool,
    /// Most signatures made for questions in a second; half of them at most for questions whose
    /// sender may be forged. Beyond, the answer is TC over UDP, and SERVFAIL otherwise. What is
    /// remembered, or made before it is asked for, does not count.
    pub(crate) max_signatures_per_second: Count,
    /// Most signatures that are remembered, at 88 octets each.
    pub(crate) max_cached_signatures: Whole<16, 16_777_216>,
    /// How long a new key takes to be on all GeoDNS nodes, for the dates of a rollover.
    pub(crate) propagation: Period,
    /// TTL of the DS records at the parent, for the dates of a rollover.
    pub(crate) parent_ttl: Ttl,
}

impl Default for Dnssec {
    fn default() -> Self {
        let config = DnssecConfig::default();
        Dnssec {
            keys: FilePath::of("keys"),
            validity: Period(config.validity),
            dnskey_ttl: Ttl(config.dnskey_ttl),
            cds: config.cds,
            max_signatures_per_second: Whole(config.max_signatures_per_second.into()),
            max_cached_signatures: Whole(config.max_cached_signatures as u64),
            propagation: Period(config.propagation),
            parent_ttl: Ttl(u32::try_from(config.parent_ttl.as_secs()).unwrap_or(u32::MAX)),
        }
    }
}
