//! What the signer needs to know.

use std::{path::PathBuf, time::Duration};

/// How the zone is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnssecConfig {
    /// The folder of its keys, in BIND's format.
    pub keys: PathBuf,
    /// From when a signature is made until it expires. It is made anew when a quarter of that has
    /// passed. Default 7 days.
    pub validity: Duration,
    /// TTL of DNSKEY, CDS and CDNSKEY, in seconds. Default 3600.
    pub dnskey_ttl: u32,
    /// Whether CDS and CDNSKEY (RFC 7344, 8078) tell the parent what its DS should be. Default yes.
    pub cds: bool,
    /// Most signatures made for questions in a second. Default 10,000.
    pub max_signatures_per_second: u32,
    /// Most signatures that are remembered, each of 88 octets. Default 32,768.
    pub max_cached_signatures: usize,
    /// How long a change of keys takes to be on all name servers. Default 1 hour.
    pub propagation: Duration,
    /// TTL of the DS records at the parent. Default 1 day.
    pub parent_ttl: Duration,
}

impl Default for DnssecConfig {
    fn default() -> Self {
        DnssecConfig {
            keys: PathBuf::from("keys"),
            validity: Duration::from_secs(7 * 86_400),
            dnskey_ttl: 3_600,
            cds: true,
            max_signatures_per_second: 10_000,
            max_cached_signatures: 32_768,
            propagation: Duration::from_secs(3_600),
            parent_ttl: Duration::from_secs(86_400),
        }
    }
}
