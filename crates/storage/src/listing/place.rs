//! The order in which keys are listed.

use std::{fmt, str::FromStr};

/// Where a key stands in a listing.
///
/// An index that is cut into a power of two of shards by [`Place::shard`] has them in order, so that
/// a page is found in one shard or few. The bits that it goes by are none of those that a table of
/// hashes goes by, which takes the uppermost seven and the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u64);

/// The bits on top that a table of hashes takes.
const TAKEN: u32 = 7;

impl Place {
    /// The place of a key with this [`perigee_http_cache::CacheKey::stable_hash`].
    pub(crate) fn of_hash(hash: u64) -> Self {
        Place(hash.rotate_left(TAKEN))
    }

    /// Which of so many shards, a power of two, has it. The shards are in the order of places.
    pub(crate) fn shard(self, shards: usize) -> usize {
        debug_assert!(shards.is_power_of_two());
        match shards.trailing_zeros() {
            0 => 0,
            bits => (self.0 >> (u64::BITS - bits)) as usize,
        }
    }
}

/// Where a page of a listing ended. Opaque; as text it has 16 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(Place);

impl Cursor {
    /// Behind this place.
    pub(crate) fn behind(place: Place) -> Self {
        Cursor(place)
    }

    /// The last place before it.
    pub(crate) fn place(self) -> Place {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.0)
    }
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).map_err(|_| NoCursor)?;
        is_hex.then_some(Cursor(Place(number))).ok_or(NoCursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_else_is_a_cursor() {
        for wrong in [
            "",
            "0",
            "+123456789abcdef",
            "00000000000000000",
            "x".repeat(16).as_str(),
        ] {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(hash: u64) {
            let cursor = Cursor::behind(Place::of_hash(hash));
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn shards_are_in_order(a: u64, b: u64, bits in 0..12) {
            let (a, b) = (Place::of_hash(a), Place::of_hash(b));
            let shards = 1_usize << bits;
            prop_assert!(a.shard(shards) < shards);
            if a <= b {
                prop_assert!(a.shard(shards) <= b.shard(shards));
            }
        }
    }
}
