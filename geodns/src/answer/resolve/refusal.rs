//! Questions that no zone answers.

use perigee_dns_wire::{Question, class, ede, rcode, rtype};

/// The code for a question that no zone answers, and what explains it (RFC 8914).
pub(super) fn refusal(question: &Question<'_>) -> Option<(u16, Option<u16>)> {
    if question.class != class::IN {
        return Some((rcode::REFUSED, Some(ede::NOT_AUTHORITATIVE)));
    }
    match question.rtype {
        rtype::AXFR | rtype::IXFR => Some((rcode::REFUSED, Some(ede::PROHIBITED))),
        // These go with a message, and are in no zone.
        rtype::OPT | rtype::TSIG | rtype::TKEY => Some((rcode::FORMERR, None)),
        // RFC 9824 section 3.5: it says in NSEC that a name is not there, and is nothing to ask for.
        rtype::NXNAME => Some((rcode::FORMERR, Some(ede::INVALID_QUERY_TYPE))),
        rtype::MAILA | rtype::MAILB => Some((rcode::NOTIMP, Some(ede::NOT_SUPPORTED))),
        _ => None,
    }
}
