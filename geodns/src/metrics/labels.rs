//! The values of labels: few, whatever clients send.

use perigee_dns_wire::{rcode, rtype};

use crate::asker::Transport;

/// How many types, response codes and transports are told apart.
pub(super) const TYPES: usize = NAMES.len();
pub(super) const RCODES: usize = CODES.len();
pub(super) const TRANSPORTS: usize = CARRIERS.len();

const CARRIERS: [&str; 5] = ["udp", "tcp", "tls", "https", "quic"];

const NAMES: [&str; 16] = [
    "none", "A", "AAAA", "NS", "SOA", "HTTPS", "SVCB", "TXT", "MX", "CNAME", "DS", "DNSKEY", "ANY",
    "XFR", "PTR", "other",
];
const CODES: [&str; 9] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "BADVERS",
    "BADCOOKIE",
    "other",
];

/// Where a type, a response code and a transport are counted.
pub(super) fn place(rtype: Option<u16>, rcode: u16, transport: Transport) -> usize {
    (type_place(rtype) * RCODES + rcode_place(rcode)) * TRANSPORTS + transport as usize
}

/// The labels of a place.
pub(super) fn at(place: usize) -> (&'static str, &'static str, &'static str) {
    let transport = CARRIERS.get(place % TRANSPORTS).copied().unwrap_or("other");
    let rest = place / TRANSPORTS;
    let name = |names: &'static [&str], at: usize| names.get(at).copied().unwrap_or("other");
    (
        name(&NAMES, rest / RCODES),
        name(&CODES, rest % RCODES),
        transport,
    )
}

fn type_place(rtype: Option<u16>) -> usize {
    match rtype {
        None => 0,
        Some(rtype::A) => 1,
        Some(rtype::AAAA) => 2,
        Some(rtype::NS) => 3,
        Some(rtype::SOA) => 4,
        Some(rtype::HTTPS) => 5,
        Some(rtype::SVCB) => 6,
        Some(rtype::TXT) => 7,
        Some(rtype::MX) => 8,
        Some(rtype::CNAME) => 9,
        Some(rtype::DS) => 10,
        Some(rtype::DNSKEY) => 11,
        Some(rtype::ANY) => 12,
        Some(rtype::AXFR | rtype::IXFR) => 13,
        Some(rtype::PTR) => 14,
        Some(_) => 15,
    }
}

fn rcode_place(rcode: u16) -> usize {
    match rcode {
        rcode::NOERROR => 0,
        rcode::FORMERR => 1,
        rcode::SERVFAIL => 2,
        rcode::NXDOMAIN => 3,
        rcode::NOTIMP => 4,
        rcode::REFUSED => 5,
        rcode::BADVERS => 6,
        rcode::BADCOOKIE => 7,
        _ => 8,
    }
}

/// The names of the IANA registry of DNS RCODEs.
pub(crate) fn rcode_label(rcode: u16) -> &'static str {
    CODES.get(rcode_place(rcode)).copied().unwrap_or("other")
}

/// What a transport is called.
pub(crate) fn transport_label(transport: Transport) -> &'static str {
    let name = CARRIERS.get(transport as usize);
    name.copied().unwrap_or("other")
}
