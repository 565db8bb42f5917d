//! NSEC records made for one question: compact denial of existence (RFC 9824).

use perigee_dns_wire::{MAX_LABEL, MAX_NAME, rtype};
use smallvec::SmallVec;

/// The data of an NSEC record.
pub(crate) type Nsec = SmallVec<[u8; 320]>;

/// The types of a name that is not there (RFC 9824 section 3.2).
pub(crate) const MISSING: [u16; 3] = [rtype::RRSIG, rtype::NSEC, rtype::NXNAME];

/// The data of an NSEC record of `owner`, in wire form and lower case: the very next name, and these
/// types; in whatever order.
pub(crate) fn nsec(owner: &[u8], types: &[u16]) -> Nsec {
    let mut data = Nsec::new();
    successor(owner, &mut data);
    bitmap(types, &mut data);
    data
}

/// The name that comes next after `name` in canonical order (RFC 4034 section 6.1), as RFC 4471 has
/// it: `\000` in front of it, and where there is no room for that, the nearest that there is room for.
fn successor(name: &[u8], out: &mut Nsec) {
    if name.len() + 2 <= MAX_NAME {
        out.extend_from_slice(b"\x01\0");
        out.extend_from_slice(name);
        return;
    }
    after(name, out);
}

/// The first name that there is room for, after `name` and all that are below it.
fn after(name: &[u8], out: &mut Nsec) {
    let Some((label, rest)) = split(name) else {
        return out.extend_from_slice(name);
    };
    let mut label: SmallVec<[u8; MAX_LABEL]> = label.into();
    if label.len() < MAX_LABEL && name.len() < MAX_NAME {
        label.push(0);
    } else {
        // The last octet that can grow, without what stands behind it. Upper case counts as lower.
        while label.last() == Some(&0xFF) {
            label.pop();
        }
        match label.last_mut() {
            None => return after(rest, out),
            Some(last) if *last == b'@' => *last = b'[',
            Some(last) => *last += 1,
        }
    }
    out.push(label.len() as u8);
    out.extend_from_slice(&label);
    out.extend_from_slice(rest);
}

fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = name.split_first()?;
    (length > 0).then_some(())?;
    rest.split_at_checked(usize::from(length))
}

/// RFC 4034 section 4.1.2.
fn bitmap(types: &[u16], out: &mut Nsec) {
    let mut types: SmallVec<[u16; 16]> = types.into();
    types.sort_unstable();
    types.dedup();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0_u8; 32];
        let mut length = 0;
        let mut number = 0;
        for rtype in window {
            let [high, low] = rtype.to_be_bytes();
            number = high;
            let at = usize::from(low / 8);
            if let Some(octet) = bits.get_mut(at) {
                *octet |= 0x80 >> (low % 8);
            }
            length = at + 1;
        }
        out.push(number);
        out.push(length as u8);
        out.extend_from_slice(bits.get(..length).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bitmap_of_rfc_4034_section_4_3() {
        // A, MX, RRSIG, NSEC and TYPE1234.
        let mut out = Nsec::new();
        bitmap(&[1234, 47, 1, 46, 15], &mut out);
        let mut expected = vec![0x00, 0x06, 0x40, 0x01, 0x00, 0x00, 0x00, 0x03, 0x04, 0x1b];
        expected.extend([0; 26]);
        expected.push(0x20);
        assert_eq!(out.as_slice(), expected);
    }

    #[test]
    fn a_missing_name_is_followed_by_the_very_next_one() {
        let data = nsec(b"\x01x\x03cdn\x07example\0", &MISSING);
        // RRSIG is bit 46, NSEC 47, NXNAME 128.
        let mut expected = b"\x01\0\x01x\x03cdn\x07example\0\x00\x11".to_vec();
        expected.extend([0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        assert_eq!(data.as_slice(), expected);
    }

    /// A name in canonical order: its labels from the right.
    fn reversed(mut name: &[u8]) -> Vec<Vec<u8>> {
        let mut labels = Vec::new();
        while let Some((label, rest)) = split(name) {
            labels.insert(0, label.to_ascii_lowercase());
            name = rest;
        }
        labels
    }

    fn wire(labels: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for label in labels {
            out.push(label.len() as u8);
            out.extend(label.to_ascii_lowercase());
        }
        out.push(0);
        out
    }

    proptest! {
        #[test]
        fn the_next_name_is_a_name_and_comes_later(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 1..6),
            full in any::<bool>(),
        ) {
            let mut labels = labels;
            if full {
                labels = vec![vec![0xFF; 61], vec![0xFF; 63], vec![b'a'; 63], vec![b'b'; 63]];
                labels[0].truncate(254 - 3 * 64 - 1);
            }
            let name = wire(&labels);
            prop_assume!(name.len() <= MAX_NAME);
            let mut next = Nsec::new();
            successor(&name, &mut next);
            prop_assert!(next.len() <= MAX_NAME);
            prop_assert!(perigee_dns_wire::Name::from_wire(&next).is_some());
            prop_assert!(reversed(&next) > reversed(&name), "{next:?} after {name:?}");
        }
    }
}
