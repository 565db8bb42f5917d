//! The place of a record, in eight bytes.

use crate::disk::log::{Place, Written};

/// Segments that are this much older than the newest cannot be told from newer ones.
pub(super) const UNPACKED_WITHIN: u64 = 1 << SEGMENT_BITS;

const SEGMENT_BITS: u32 = 20;
const OFFSET_BITS: u32 = 28;
const LENGTH_BITS: u32 = 14;
const USE_BITS: u32 = 2;

/// Records begin at multiples of this.
const OFFSET_UNIT: u32 = 8;

/// What a length is rounded up to.
const LENGTH_UNIT: u32 = 128;

/// From the highest bit to the lowest: the last bits of the segment's number, offset, length, uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(u64);

impl Packed {
    /// That of a key that was removed. No record is there, for the header of a segment is.
    pub(super) const REMOVED: Packed = Packed(0);

    pub(super) fn new(record: Written) -> Self {
        let place = record.place;
        let length = u64::from(record.length.div_ceil(LENGTH_UNIT)).min(mask(LENGTH_BITS));
        let offset = u64::from(place.offset / OFFSET_UNIT) & mask(OFFSET_BITS);
        let segment = place.segment & mask(SEGMENT_BITS);
        Packed(((segment << OFFSET_BITS | offset) << LENGTH_BITS | length) << USE_BITS)
    }

    /// The length is rounded up; the longest have more. `newest` is no older than any segment that
    /// something is in.
    pub(super) fn unpack(self, newest: u64) -> Written {
        let rest = self.0 >> USE_BITS;
        let length = (rest & mask(LENGTH_BITS)) as u32;
        let rest = rest >> LENGTH_BITS;
        let offset = (rest & mask(OFFSET_BITS)) as u32;
        let segment = rest >> OFFSET_BITS;
        let older_by = newest.wrapping_sub(segment) & mask(SEGMENT_BITS);
        let place = Place {
            segment: newest.saturating_sub(older_by),
            offset: offset * OFFSET_UNIT,
        };
        Written {
            place,
            length: length * LENGTH_UNIT,
        }
    }

    pub(super) fn is_place(self) -> bool {
        self != Packed::REMOVED
    }

    pub(super) fn uses(self) -> u8 {
        (self.0 & mask(USE_BITS)) as u8
    }

    /// The same, asked for so often.
    pub(super) fn used(self, uses: u8) -> Self {
        Packed(self.0 | (u64::from(uses) & mask(USE_BITS)))
    }

    /// Once more, up to as many as there are bits for.
    pub(super) fn count_use(&mut self) {
        if self.is_place() && u64::from(self.uses()) < mask(USE_BITS) {
            self.0 += 1;
        }
    }
}

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_unpacked_as_it_was(
            newest: u64,
            older_by in 0..UNPACKED_WITHIN,
            offset in 8..1_u32 << 28,
            length: u32,
            uses in 0..6_u8,
        ) {
            let segment = newest.saturating_sub(older_by);
            let place = Place { segment, offset: offset * OFFSET_UNIT };
            let mut packed = Packed::new(Written { place, length });
            (0..uses).for_each(|_| packed.count_use());
            let unpacked = packed.unpack(newest);
            prop_assert!(packed.is_place() && unpacked.place == place);
            prop_assert_eq!(packed.uses(), uses.min(3));
            let longest = LENGTH_UNIT * mask(LENGTH_BITS) as u32;
            prop_assert!(unpacked.length >= length.min(longest));
            prop_assert!(unpacked.length - length.min(longest) < LENGTH_UNIT);
        }
    }

    #[test]
    fn what_is_removed_is_not_used() {
        let mut packed = Packed::REMOVED;
        packed.count_use();
        assert!(!packed.is_place());
    }
}
