//! The data of an RRSIG record, on the stack.

use std::ops::Deref;

use perigee_dns_wire::MAX_NAME;

use crate::dnssec::{algorithm::SIGNATURE, canonical::FIXED};

/// The data of an RRSIG record.
#[derive(Clone)]
pub(crate) struct Rrsig {
    octets: [u8; FIXED + MAX_NAME + SIGNATURE],
    length: usize,
}

impl Rrsig {
    pub(super) fn new(parts: &[&[u8]]) -> Option<Self> {
        let mut rrsig = Rrsig {
            octets: [0; FIXED + MAX_NAME + SIGNATURE],
            length: 0,
        };
        for part in parts {
            let end = rrsig.length + part.len();
            rrsig
                .octets
                .get_mut(rrsig.length..end)?
                .copy_from_slice(part);
            rrsig.length = end;
        }
        Some(rrsig)
    }
}

impl Deref for Rrsig {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}
