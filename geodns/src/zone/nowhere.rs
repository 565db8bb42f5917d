//! Records that lead to where nothing is: no mistake, but seldom meant.

use perigee_dns_wire::{Name, rtype};

use super::{Found, Zone, text::type_name};

/// MX, SRV, NS and CNAME records whose target is a name of the zone that has no address.
pub(super) fn of(zone: &Zone) -> Vec<String> {
    let mut all = Vec::new();
    for node in zone.nodes() {
        for set in &node.rrsets {
            for target in set.rdata().filter_map(|data| target(set.rtype, data)) {
                let is_missing = match zone.lookup(&target) {
                    Found::Outside | Found::Delegated(_) => false,
                    Found::Missing => true,
                    Found::Node { node, .. } => {
                        let is_there = [rtype::A, rtype::AAAA, rtype::CNAME]
                            .iter()
                            .any(|rtype| node.rrset(*rtype).is_some());
                        set.rtype != rtype::CNAME && node.service.is_none() && !is_there
                    }
                };
                if is_missing {
                    let (name, what) = (&node.name, type_name(set.rtype));
                    all.push(format!(
                        "{name} {what} leads to {target}, of which the zone has no address"
                    ));
                }
            }
        }
    }
    all.sort();
    all
}

fn target(rtype: u16, data: &[u8]) -> Option<Name> {
    let at = match rtype {
        rtype::NS | rtype::CNAME => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => return None,
    };
    // The root stands for: there is none (RFC 7505, RFC 2782).
    Name::from_wire(data.get(at..)?).filter(|name| name.labels() > 0)
}
