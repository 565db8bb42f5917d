//! How the zone is signed.

use std::{path::Path, time::Duration};

use perigee_geodns::dnssec::{DnssecConfig, Seconds, Terms};

use crate::{
    Document,
    sections::{Dns, Dnssec},
};

/// What `perigee dnssec` works on.
#[derive(Clone, Debug)]
pub struct SignedZone {
    /// The zone.
    pub zone: String,
    /// How it is signed, and where its keys are.
    pub config: DnssecConfig,
    /// How long things take to be everywhere.
    pub terms: Terms,
}

impl Document {
    /// The zone, if it is signed.
    pub fn signed_zone(&self) -> Option<SignedZone> {
        let dns = &self.file.dns.as_ref()?.value;
        let config = dns.dnssec.as_ref()?.build(&self.folder);
        let terms = Terms {
            dnskey_ttl: config.dnskey_ttl.into(),
            max_ttl: self.max_ttl(dns),
            propagation: config.propagation.as_secs(),
            parent_ttl: config.parent_ttl.as_secs(),
        };
        Some(SignedZone {
            zone: dns.zone.0.clone(),
            config,
            terms,
        })
    }

    /// The largest TTL of the zone, as far as this file tells; a day at least, for what zone files have.
    fn max_ttl(&self, dns: &Dns) -> Seconds {
        const DAY: u32 = 86_400;
        let services = self.file.services.iter();
        let ttls = services
            .filter_map(|service| service.dns.ttl)
            .chain([dns.ttl]);
        ttls.map(|ttl| ttl.0)
            .chain([DAY])
            .max()
            .map_or(0, Into::into)
    }
}

impl Dnssec {
    /// As the name server takes it.
    pub(crate) fn build(&self, folder: &Path) -> DnssecConfig {
        DnssecConfig {
            keys: self.keys.from(folder),
            validity: self.validity.0,
            dnskey_ttl: self.dnskey_ttl.0,
            cds: self.cds,
            max_signatures_per_second: self.max_signatures_per_second.as_u32(),
            max_cached_signatures: self.max_cached_signatures.as_usize(),
            propagation: self.propagation.0,
            parent_ttl: Duration::from_secs(self.parent_ttl.0.into()),
        }
    }
}
