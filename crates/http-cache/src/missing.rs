//! What a part lacks, and what to fetch of it next (RFC 9111 section 3.4).

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};

use crate::{
    Held, Policy, StoredHead, conditional,
    part::range_field,
    range::{Ranges, Selected},
};

/// Bytes to fetch next.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// Their positions in the representation.
    pub bytes: Range<u64>,
    /// What asks for them, if the representation is still the same: Range and If-Range.
    pub fields: HeaderMap,
}

impl StoredHead {
    /// The first bytes among those wanted that are not held, and what follows them as far as one
    /// request should fetch it. None if all are held, or if this representation cannot be
    /// completed ([`StoredHead::can_be_completed`]).
    pub fn missing(&self, held: &Held, wanted: &Range<u64>, policy: &Policy) -> Option<Missing> {
        let complete = self.length?;
        let validator = self.version()?;
        let wanted = wanted.start..wanted.end.min(complete);
        let bytes = piece(held, &wanted, complete, policy)?;
        let range = range_field(&bytes, complete)?;
        let fields = [(header::RANGE, range), (header::IF_RANGE, validator)];
        Some(Missing {
            bytes,
            fields: HeaderMap::from_iter(fields),
        })
    }

    /// The bytes that these fields ask for on condition that the representation is still the same:
    /// as [`StoredHead::missing`] has them. None if they ask for something else.
    pub fn asked(&self, fields: &HeaderMap) -> Option<Range<u64>> {
        let is_of_this = fields.contains_key(header::IF_RANGE)
            && fields.get(header::IF_RANGE) == self.version().as_ref();
        match Ranges::of(fields, 1).select(self.length?) {
            Selected::Bytes(bytes) if is_of_this => Some(bytes),
            _ => None,
        }
    }

    /// Whether what lacks of it may be fetched by itself: its version is told by a strong validator
    /// (RFC 9110 section 13.1.5), and its complete length is known.
    pub fn can_be_completed(&self) -> bool {
        self.length.is_some() && self.version().is_some()
    }

    /// The strong validator of a 200, or of a part of one.
    pub fn version(&self) -> Option<HeaderValue> {
        (self.whole_status() == http::StatusCode::OK)
            .then(|| conditional::strong_validator(self))
            .flatten()
    }
}

fn piece(held: &Held, wanted: &Range<u64>, complete: u64, policy: &Policy) -> Option<Range<u64>> {
    let mut gaps = held.gaps(wanted);
    let mut piece = gaps.next()?;
    for gap in gaps {
        if gap.start - piece.end >= policy.refetch_below {
            break;
        }
        piece.end = gap.end;
    }
    let Some(slice) = policy.slice else {
        return Some(piece);
    };
    // Outward, as far as it is not held.
    let outward = slices(&piece, slice);
    let before = held.gaps(&(outward.start..piece.start)).last();
    let after = held.gaps(&(piece.end..outward.end.min(complete))).next();
    let start = before.filter(|gap| gap.end == piece.start);
    let end = after.filter(|gap| gap.start == piece.end);
    Some(start.map_or(piece.start, |gap| gap.start)..end.map_or(piece.end, |gap| gap.end))
}

/// The whole slices that these bytes lie in.
pub(crate) fn slices(bytes: &Range<u64>, slice: u64) -> Range<u64> {
    let slice = slice.max(1);
    let end = bytes.end.checked_next_multiple_of(slice);
    bytes.start - bytes.start % slice..end.unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(runs: &[Range<u64>]) -> Held {
        let add = |held: Held, run: &Range<u64>| held.union(&Held::of(run.clone()));
        runs.iter().fold(Held::default(), add)
    }

    #[test]
    fn the_first_hole_is_fetched_and_small_islands_with_it() {
        const ISLAND: u64 = 64 << 10;
        let far = 10 * ISLAND;
        let held = held(&[
            10..20,
            30..40,
            far..far + ISLAND,
            far + 2 * ISLAND..far + 3 * ISLAND,
        ]);
        let of = |wanted| piece(&held, &wanted, u64::MAX, &Policy::default());
        assert_eq!(of(12..18), None);
        assert_eq!(of(12..25), Some(20..25));
        assert_eq!(of(0..35), Some(0..30));
        assert_eq!(of(0..100), Some(0..100));
        // This island is worth a request.
        assert_eq!(of(0..far + 3 * ISLAND), Some(0..far));
        assert_eq!(
            of(far..far + 3 * ISLAND),
            Some(far + ISLAND..far + 2 * ISLAND)
        );
    }

    #[test]
    fn slices_go_outward_as_far_as_nothing_is_held() {
        let policy = Policy {
            slice: Some(10),
            ..Policy::default()
        };
        let of = |runs: &[Range<u64>], wanted| piece(&held(runs), &wanted, 95, &policy);
        assert_eq!(of(&[], 12..25), Some(10..30));
        assert_eq!(of(&[], 91..92), Some(90..95));
        assert_eq!(of(&[0..12], 12..25), Some(12..30));
        assert_eq!(of(&[0..11], 12..25), Some(11..30));
        assert_eq!(of(&[10..11, 27..60], 12..25), Some(11..27));
        assert_eq!(of(&[0..95], 12..25), None);
    }

    fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
        prop::collection::vec((0..90_u64, 1..9_u64), 0..8)
            .prop_map(|all| all.iter().map(|(at, n)| *at..(at + n).min(100)).collect())
    }

    proptest! {
        /// Whatever is held: it begins with what lacks first, is within the representation, and
        /// fetching one after the other ends with all that is wanted.
        #[test]
        fn one_after_the_other_they_complete_what_is_wanted(
            runs in ranges(),
            from in 0..100_u64,
            count in 1..100_u64,
            slice in prop::option::of(1..40_u64),
            refetch_below in 0..20_u64,
        ) {
            let policy = Policy { slice, refetch_below, ..Policy::default() };
            let mut held = held(&runs);
            let wanted = from..(from + count).min(100);
            for _ in 0..100 {
                let first = held.gaps(&wanted).next();
                let Some(piece) = piece(&held, &wanted, 100, &policy) else {
                    prop_assert_eq!(first, None);
                    return Ok(());
                };
                let first = first.unwrap();
                prop_assert!(piece.start <= first.start && first.end <= piece.end);
                prop_assert!(piece.end <= 100);
                if slice.is_none() {
                    prop_assert!(wanted.start <= piece.start && piece.end <= wanted.end);
                }
                // Neither its first nor its last byte is held.
                for edge in [piece.start, piece.end - 1] {
                    prop_assert!(!held.covers(&(edge..edge + 1)));
                }
                held.insert(piece);
            }
            prop_assert!(false, "it never ends");
        }
    }
}
