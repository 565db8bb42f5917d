//! Addresses of the names in an answer, which save the client a question (RFC 1034 section 4.3.2).

use perigee_dns_wire::{Owner, RrSet, Section, Writer, rtype};

use crate::zone::{Found, Zone};

/// Writes the addresses, as far as the zone has them and there is room.
pub(super) fn add(zone: &Zone, writer: &mut Writer<'_>, set: &RrSet) {
    let before_name = match set.rtype {
        rtype::NS => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => return,
    };
    for name in set.rdata().filter_map(|data| data.get(before_name..)) {
        let Found::Node { node, .. } = zone.lookup(name) else {
            continue;
        };
        for addresses in [rtype::A, rtype::AAAA] {
            if let Some(addresses) = node.rrset(addresses)
                && (writer.rrset(Section::Additional, Owner::Name(name), addresses)).is_err()
            {
                return;
            }
        }
    }
}
