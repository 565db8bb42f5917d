//! Integers (RFC 7541 section 5.1).

/// Takes an integer off the front, whose first octet shares its other bits. None: it is not whole,
/// or larger than anything here can be.
#[inline]
pub(super) fn take(bytes: &mut &[u8], prefix: u8) -> Option<usize> {
    let (&first, mut rest) = bytes.split_first()?;
    let full = (1_usize << prefix) - 1;
    let mut value = usize::from(first) & full;
    if value == full {
        let mut shift = 0;
        loop {
            let (&next, after) = rest.split_first()?;
            rest = after;
            value += usize::from(next & 0x7f) << shift;
            if next & 0x80 == 0 {
                break;
            }
            shift += 7;
            if shift > 21 {
                return None;
            }
        }
    }
    *bytes = rest;
    Some(value)
}

/// Writes an integer behind the `bits` that its first octet shares.
#[inline]
pub(super) fn put(value: usize, bits: u8, prefix: u8, out: &mut Vec<u8>) {
    let full = (1_usize << prefix) - 1;
    if value < full {
        return out.push(bits | value as u8);
    }
    out.push(bits | full as u8);
    let mut rest = value - full;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 appendix C.1.
    #[test]
    fn the_examples_of_the_rfc() {
        for (value, prefix, bytes) in [
            (10, 5, &[0b01010][..]),
            (1337, 5, &[0b11111, 0b1001_1010, 0b0000_1010]),
            (42, 8, &[0b0010_1010]),
        ] {
            let mut out = Vec::new();
            put(value, 0, prefix, &mut out);
            assert_eq!(out, bytes);
            let mut rest = bytes;
            assert_eq!(take(&mut rest, prefix), Some(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_is_cut_off_or_too_large_is_none() {
        for bytes in [
            &[][..],
            &[0x7f],
            &[0x7f, 0x80],
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            let mut rest = bytes;
            assert_eq!(take(&mut rest, 7), None, "{bytes:?}");
        }
    }
}
