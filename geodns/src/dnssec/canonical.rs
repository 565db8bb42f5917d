//! What is signed: RRSIG's own data and the records, as RFC 4034 sections 3.1.8.1 and 6 write them.

use smallvec::SmallVec;

use super::validity::Period;

/// Octets of RRSIG's data before the signer's name.
pub(crate) const FIXED: usize = 18;
const CLASS_IN: u16 = 1;

/// Records of one name and type, to be signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set<'a> {
    /// In wire form and lower case.
    pub(crate) owner: &'a [u8],
    pub(crate) rtype: u16,
    pub(crate) ttl: u32,
    /// The data of each record: names in them are not compressed and, in types that RFC 4034 section 6.2
    /// names, in lower case; each once, in canonical order.
    pub(crate) rdata: &'a [&'a [u8]],
}

/// Data in canonical order (RFC 4034 section 6.3), each once.
pub(crate) fn ordered<'a>(rdata: impl Iterator<Item = &'a [u8]>) -> SmallVec<[&'a [u8]; 16]> {
    let mut all: SmallVec<[&[u8]; 16]> = rdata.collect();
    if !all.is_sorted() {
        all.sort_unstable();
    }
    all.dedup();
    all
}

/// The labels that RRSIG counts: neither the root nor a leading `*` (RFC 4034 section 3.1.3).
pub(crate) fn labels(owner: &[u8]) -> u8 {
    let wildcard = owner.starts_with(b"\x01*");
    let (mut count, mut rest) = (0_u8, owner);
    while let Some((&length, behind)) = rest.split_first()
        && length > 0
    {
        count = count.saturating_add(1);
        rest = behind.get(usize::from(length)..).unwrap_or_default();
    }
    count - u8::from(wildcard && count > 0)
}

/// The beginning of RRSIG's data (RFC 4034 section 3.1).
pub(crate) fn fixed(set: &Set<'_>, algorithm: u8, tag: u16, period: Period) -> [u8; FIXED] {
    let mut out = [0; FIXED];
    let [type_high, type_low] = set.rtype.to_be_bytes();
    let [ttl_0, ttl_1, ttl_2, ttl_3] = set.ttl.to_be_bytes();
    let [end_0, end_1, end_2, end_3] = period.expiration.to_be_bytes();
    let [begin_0, begin_1, begin_2, begin_3] = period.inception.to_be_bytes();
    let [tag_high, tag_low] = tag.to_be_bytes();
    let all = [
        type_high,
        type_low,
        algorithm,
        labels(set.owner),
        ttl_0,
        ttl_1,
        ttl_2,
        ttl_3,
        end_0,
        end_1,
        end_2,
        end_3,
        begin_0,
        begin_1,
        begin_2,
        begin_3,
        tag_high,
        tag_low,
    ];
    out.copy_from_slice(&all);
    out
}

/// The octets that are signed.
pub(crate) fn signed(set: &Set<'_>, fixed: &[u8; FIXED], signer: &[u8]) -> SmallVec<[u8; 512]> {
    let mut out = SmallVec::new();
    out.extend_from_slice(fixed);
    out.extend_from_slice(signer);
    for data in set.rdata {
        out.extend_from_slice(set.owner);
        out.extend_from_slice(&set.rtype.to_be_bytes());
        out.extend_from_slice(&CLASS_IN.to_be_bytes());
        out.extend_from_slice(&set.ttl.to_be_bytes());
        // Data of a record are never longer.
        out.extend_from_slice(&(data.len() as u16).to_be_bytes());
        out.extend_from_slice(data);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_as_rfc_4034_counts_them() {
        assert_eq!(labels(b"\0"), 0);
        assert_eq!(labels(b"\x03www\x03cdn\x07example\0"), 3);
        assert_eq!(labels(b"\x01*\x03cdn\x07example\0"), 2);
        assert_eq!(labels(b"\x03www\x01*\x03cdn\x07example\0"), 4);
    }

    #[test]
    fn data_are_put_in_order_and_each_once() {
        let data: [&[u8]; 4] = [b"b", b"a", b"ab", b"b"];
        let expected: [&[u8]; 3] = [b"a", b"ab", b"b"];
        assert_eq!(ordered(data.into_iter()).as_slice(), expected);
    }
}
