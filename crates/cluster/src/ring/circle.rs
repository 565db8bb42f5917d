//! The virtual nodes on their circle, and the quick way to the first one at or after a hash.

use std::{
    iter::{Chain, Copied},
    slice,
};

/// The points of a ring, sorted. Hashes and nodes are apart, so that a look-up touches few lines of
/// the processor's cache.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Circle {
    /// Where each point is.
    hashes: Vec<u64>,
    /// Whose each point is, as a place among the nodes.
    nodes: Vec<u16>,
    /// For each bucket of the circle, the first point in it or behind it. There are about as many
    /// buckets as points, so that the right point is the first or one of the next few.
    buckets: Vec<u32>,
    /// How far a hash is shifted to the right to be the number of its bucket.
    shift: u32,
}

/// Once around the circle, by nodes.
pub(super) type Around<'c> = Chain<Copied<slice::Iter<'c, u16>>, Copied<slice::Iter<'c, u16>>>;

impl Circle {
    /// A circle of these points, in whatever order.
    pub(super) fn new(mut points: Vec<(u64, u16)>) -> Self {
        points.sort_unstable();
        let bits = points.len().max(2).next_power_of_two().trailing_zeros();
        let mut circle = Circle {
            hashes: points.iter().map(|(at, _)| *at).collect(),
            nodes: points.iter().map(|(_, node)| *node).collect(),
            buckets: Vec::with_capacity(1 << bits),
            shift: u64::BITS - bits,
        };
        let mut first = 0;
        for bucket in 0..1 << bits {
            while circle.bucket_of(first).is_some_and(|of| of < bucket) {
                first += 1;
            }
            // There are at most 2^25 points: nodes times the points of the heaviest.
            circle
                .buckets
                .push(u32::try_from(first).unwrap_or(u32::MAX));
        }
        circle
    }

    /// How many points there are.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The nodes of all points, from the first at or after this hash on.
    pub(super) fn from(&self, hash: u64) -> Around<'_> {
        let (before, from) = self.nodes.split_at(self.first_from(hash));
        from.iter().copied().chain(before.iter().copied())
    }

    /// The first point at or after this hash; the number of points if it is behind them all.
    fn first_from(&self, hash: u64) -> usize {
        let bucket = usize::try_from(hash >> self.shift).unwrap_or(usize::MAX);
        let first = self.buckets.get(bucket).copied().unwrap_or_default();
        let mut first = usize::try_from(first).unwrap_or(usize::MAX);
        while self.hashes.get(first).is_some_and(|at| *at < hash) {
            first += 1;
        }
        first.min(self.nodes.len())
    }

    fn bucket_of(&self, point: usize) -> Option<u64> {
        self.hashes.get(point).map(|at| at >> self.shift)
    }

    #[cfg(test)]
    pub(super) fn points(&self) -> impl DoubleEndedIterator<Item = (u64, u16)> + Clone {
        self.hashes.iter().copied().zip(self.nodes.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            0_u64..4,
            (0_u64..4).prop_map(|n| u64::MAX - n),
            (0_u64..64, 0_u64..3).prop_map(|(bit, n)| (1_u64 << bit).wrapping_sub(n)),
        ]
    }

    proptest! {
        /// Against the definition, with hashes that crowd at the ends and at the bounds of buckets.
        #[test]
        fn the_first_point_is_found(
            points in proptest::collection::vec((hash(), 0_u16..9), 0..40),
            hash in hash(),
        ) {
            let circle = Circle::new(points.clone());
            let mut sorted = points;
            sorted.sort_unstable();
            let first = sorted.partition_point(|(at, _)| *at < hash);
            prop_assert_eq!(circle.first_from(hash), first);
            let around = sorted[first..].iter().chain(&sorted[..first]);
            prop_assert!(circle.from(hash).eq(around.map(|(_, node)| *node)));
        }
    }
}
