//! HTTPS and SVCB records whose hints are what the service of their name is answered with.

use std::net::IpAddr;

use perigee_dns_wire::{RrSet, Section};
use smallvec::SmallVec;

use super::{Resolve, Spot, Stop};
use crate::{
    policy::choose,
    snapshot::Family,
    zone::{ZoneService, fill},
};

impl<'s> Resolve<'s, '_, '_> {
    /// The records, for this client; for as long as its addresses hold.
    pub(super) fn hinted(
        &mut self,
        set: &RrSet,
        service: &'s ZoneService,
        spot: Spot<'_>,
    ) -> Result<(), Stop> {
        let mut ttl = set.ttl;
        let [v4, v6] = [Family::V4, Family::V6].map(|family| {
            let memo = &mut self.memo.chosen;
            let chosen = choose(self.snapshot, service, family, self.client, self.now, memo);
            self.facts.scope = self.facts.scope.max(chosen.scope);
            self.facts.pop = self.facts.pop.or(chosen.pop);
            ttl = ttl.min(chosen.ttl);
            chosen.addresses.iter().collect::<SmallVec<[IpAddr; 16]>>()
        });
        let mut all: SmallVec<[_; 2]> = SmallVec::new();
        for data in set.rdata() {
            let data = fill(data, &v4, &v6);
            let (section, rtype) = (Section::Answer, set.rtype);
            self.writer.record(section, spot.owner, rtype, ttl, &data)?;
            all.push(data);
        }
        let data = all.iter().map(|data| &data[..]);
        self.sign(Section::Answer, spot, set.rtype, ttl, data)
    }
}
