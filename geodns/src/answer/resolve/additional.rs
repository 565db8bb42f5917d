//! Addresses of the names in an answer, which save the client a question (RFC 1034 section 4.3.2).

use perigee_dns_wire::{Owner, RrSet, Section, rtype};

use super::{Resolve, Spot};
use crate::{dnssec::Use, zone::Found};

impl Resolve<'_, '_, '_> {
    /// Writes the addresses, as far as the zone has them and there is room.
    pub(super) fn add(&mut self, set: &RrSet) {
        let before_name = match set.rtype {
            rtype::NS => 0,
            rtype::MX => 2,
            rtype::SRV => 6,
            _ => return,
        };
        for name in set.rdata().filter_map(|data| data.get(before_name..)) {
            let Found::Node { node, wildcard } = self.snapshot.zone.lookup(name) else {
                continue;
            };
            let spot = Spot {
                name,
                owner: Owner::Name(name),
                usage: wildcard.map_or(Use::Lasting, |_| Use::Passing),
            };
            for addresses in [rtype::A, rtype::AAAA] {
                let Some(set) = node.rrset(addresses) else {
                    continue;
                };
                let (section, writer) = (Section::Additional, &mut *self.writer);
                if writer.rrset(section, spot.owner, set).is_err() {
                    return;
                }
                // RFC 4035 section 3.1.1: without its signature if there is no room for that.
                let _ = self.sign(section, spot, set.rtype, set.ttl, set.rdata());
            }
        }
    }
}
