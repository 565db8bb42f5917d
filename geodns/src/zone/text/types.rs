//! Types by name.

use perigee_dns_wire::rtype;

use super::lexer::{Problem, Token};

/// Types whose data have a form of their own here.
const TYPES: [(&str, u16); 15] = [
    ("A", rtype::A),
    ("NS", rtype::NS),
    ("CNAME", rtype::CNAME),
    ("SOA", rtype::SOA),
    ("PTR", rtype::PTR),
    ("MX", rtype::MX),
    ("TXT", rtype::TXT),
    ("AAAA", rtype::AAAA),
    ("SRV", rtype::SRV),
    ("DS", rtype::DS),
    ("SSHFP", SSHFP),
    ("TLSA", TLSA),
    ("SVCB", rtype::SVCB),
    ("HTTPS", rtype::HTTPS),
    ("CAA", rtype::CAA),
];

/// RFC 4255.
pub(super) const SSHFP: u16 = 44;
/// RFC 6698.
pub(super) const TLSA: u16 = 52;

/// Types that a zone's people cannot write, and why.
const REFUSED: [(&str, u16, &str); 12] = [
    ("DNAME", 39, "it is not supported; write a wildcard CNAME"),
    ("OPT", rtype::OPT, NO_DATA),
    ("RRSIG", rtype::RRSIG, SIGNER),
    ("NSEC", rtype::NSEC, SIGNER),
    ("DNSKEY", rtype::DNSKEY, SIGNER),
    ("NSEC3", 50, SIGNER),
    ("NSEC3PARAM", 51, SIGNER),
    ("CDS", rtype::CDS, SIGNER),
    ("CDNSKEY", rtype::CDNSKEY, SIGNER),
    ("SIG", 24, SIGNER),
    ("KEY", 25, "it is obsolete (RFC 3755)"),
    ("NXT", 30, "it is obsolete (RFC 3755)"),
];
const SIGNER: &str = "the name server makes it itself, with [dns.dnssec]";
const NO_DATA: &str = "it is no data of a zone";

/// The type that a token names.
pub(super) fn number(token: &Token<'_>) -> Result<u16, Problem> {
    let name = token.raw.to_ascii_uppercase();
    let known = TYPES.iter().find(|(known, _)| *known == name);
    let refused = REFUSED.iter().find(|(known, ..)| *known == name);
    let number = match (known, refused, name.strip_prefix("TYPE")) {
        (Some((_, number)), ..) | (_, Some((_, number, _)), _) => Some(*number),
        (.., Some(digits)) => digits.parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| {
        token.problem(format!(
            "{:?} is not a type of record that is known here: it is one of {}, or write TYPE and its \
             number, and the data as RFC 3597 says",
            token.raw,
            TYPES.map(|(name, _)| name).join(", ")
        ))
    })?;
    let why = REFUSED.iter().find(|(_, refused, _)| *refused == number);
    match (why, number) {
        (Some((name, _, why)), _) => Err(token.problem(format!("{name} cannot be written: {why}"))),
        // Meta types (RFC 6895 section 3.1).
        (None, 0 | 128..=255) => {
            Err(token.problem(format!("{} cannot be written: {NO_DATA}", token.raw)))
        }
        (None, number) => Ok(number),
    }
}

/// The name of a type, for people.
pub(in crate::zone) fn type_name(rtype: u16) -> String {
    let known = TYPES.iter().find(|(_, number)| *number == rtype);
    known.map_or_else(|| format!("TYPE{rtype}"), |(name, _)| (*name).to_owned())
}

/// Whether data of this type have a form of their own here.
pub(super) fn has_form(rtype: u16) -> bool {
    TYPES.iter().any(|(_, number)| *number == rtype)
}
