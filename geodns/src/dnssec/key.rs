//! A key of the zone, and the records that show it.

use std::fmt;

use aws_lc_rs::digest;
use perigee_dns_wire::Name;

use super::{
    algorithm::{Algorithm, Pair, SIGNATURE},
    timing::Timing,
};

/// Flags of DNSKEY: a key of a zone (RFC 4034 section 2.1.1).
const ZONE: u16 = 256;
/// Flags of DNSKEY: the parent's DS is meant to point here.
const ENTRY: u16 = 1;
const PROTOCOL: u8 = 3;
/// SHA-256 (RFC 4509).
const DIGEST: u8 = 2;

/// A key.
pub struct Key {
    pub(crate) algorithm: Algorithm,
    /// Whether DS points to it (SEP): it signs the DNSKEY records, and all others too if there is no
    /// key for these.
    pub(crate) is_entry: bool,
    pub(crate) public: Vec<u8>,
    pub(crate) pair: Pair,
    /// Its name among the zone's keys (RFC 4034 appendix B).
    pub(crate) tag: u16,
    pub(crate) timing: Timing,
}

impl Key {
    pub(crate) fn new(
        algorithm: Algorithm,
        is_entry: bool,
        secret: super::algorithm::Secret,
        timing: Timing,
    ) -> Self {
        let mut key = Key {
            algorithm,
            is_entry,
            public: secret.public,
            pair: secret.pair,
            tag: 0,
            timing,
        };
        key.tag = tag(&key.dnskey());
        key
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether DS points to it.
    pub fn is_entry(&self) -> bool {
        self.is_entry
    }

    /// Its key tag.
    pub fn tag(&self) -> u16 {
        self.tag
    }

    /// Its dates.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(crate) fn flags(&self) -> u16 {
        ZONE | if self.is_entry { ENTRY } else { 0 }
    }

    /// The data of its DNSKEY record, and of CDNSKEY.
    pub(crate) fn dnskey(&self) -> Vec<u8> {
        let mut data = self.flags().to_be_bytes().to_vec();
        data.extend([PROTOCOL, self.algorithm.number()]);
        data.extend(&self.public);
        data
    }

    /// The data of the DS record that points to it (RFC 4034 section 5.1.4), and of CDS.
    pub(crate) fn ds(&self, apex: &Name) -> Vec<u8> {
        let mut hashed = apex.to_vec();
        hashed.extend(self.dnskey());
        let mut data = self.tag.to_be_bytes().to_vec();
        data.extend([self.algorithm.number(), DIGEST]);
        data.extend(digest::digest(&digest::SHA256, &hashed).as_ref());
        data
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Option<[u8; SIGNATURE]> {
        self.pair.sign(message)
    }

    /// DNSKEY in presentation form: `257 3 13 base64`.
    pub fn dnskey_text(&self) -> String {
        use base64::Engine;
        let public = base64::engine::general_purpose::STANDARD.encode(&self.public);
        let (flags, algorithm) = (self.flags(), self.algorithm.number());
        format!("{flags} {PROTOCOL} {algorithm} {public}")
    }

    /// DS in presentation form: `12345 13 2 HEX`.
    pub fn ds_text(&self, apex: &Name) -> String {
        let data = self.ds(apex);
        let hex: String = data.iter().skip(4).map(|b| format!("{b:02X}")).collect();
        format!("{} {} {DIGEST} {hex}", self.tag, self.algorithm.number())
    }
}

/// RFC 4034 appendix B.
fn tag(dnskey: &[u8]) -> u16 {
    let sum: u32 = dnskey
        .iter()
        .enumerate()
        .map(|(at, &octet)| u32::from(octet) << if at % 2 == 0 { 8 } else { 0 })
        .sum();
    (sum + (sum >> 16)) as u16
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.algorithm, self.tag)
    }
}
