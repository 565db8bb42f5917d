//! The bytes of all bodies: each is the beginning of one long text without a short period.

/// What every body has at `place`.
pub(crate) fn byte_at(place: usize) -> u8 {
    let mixed = (place as u64)
        .wrapping_add(0x9e37_79b9)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as u8
}

/// The first `length` of them.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(byte_at).collect()
}
