//! Bodies that are computed, not kept: each byte follows from who it belongs to and where it
//! stands, so that a byte of another object, version or place shows.

use bytes::Bytes;

/// These bytes of the body that `seed` names.
pub(crate) fn pattern(seed: u64, from: u64, length: usize) -> Bytes {
    (from..)
        .take(length)
        .map(|position| {
            let word = mix(seed ^ mix(position / 8));
            word.to_le_bytes()[(position % 8) as usize]
        })
        .collect()
}

/// Where these bytes, which should be those from this position on, are others.
pub(crate) fn first_wrong(seed: u64, from: u64, bytes: &[u8]) -> Option<u64> {
    let right = pattern(seed, from, bytes.len());
    let wrong = bytes
        .iter()
        .zip(&right)
        .position(|(is, should)| is != should);
    wrong.map(|at| from + at as u64)
}

/// Every bit of the result hangs on every bit of the number (the finalizer of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
