//! Which bytes of a representation are there. Pure.

use std::ops::Range;

use smallvec::SmallVec;

/// Positions in a complete representation, as disjoint ranges that do not touch, in order, none
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    runs: SmallVec<[Range<u64>; 1]>,
}

impl Held {
    /// These bytes.
    pub fn of(range: Range<u64>) -> Self {
        let mut held = Held::default();
        held.insert(range);
        held
    }

    /// Each range of it, in order.
    pub fn runs(&self) -> &[Range<u64>] {
        &self.runs
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many bytes are there.
    pub fn total(&self) -> u64 {
        self.runs.iter().map(|run| run.end - run.start).sum()
    }

    /// These bytes are there, too.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // Those that touch it become one with it.
        let from = self.runs.partition_point(|run| run.end < range.start);
        let to = self.runs.partition_point(|run| run.start <= range.end);
        let touched = self.runs.get(from..to).unwrap_or_default();
        let start = touched.first().map_or(range.start, |run| run.start);
        let end = touched.last().map_or(range.end, |run| run.end);
        let joined = start.min(range.start)..end.max(range.end);
        self.runs.drain(from..to);
        self.runs.insert(from, joined);
    }

    /// Those of both.
    pub fn union(mut self, other: &Held) -> Held {
        for run in &other.runs {
            self.insert(run.clone());
        }
        self
    }

    /// Whether all these bytes are there.
    pub fn covers(&self, range: &Range<u64>) -> bool {
        self.gaps(range).next().is_none()
    }

    /// What is not there of these bytes, in order.
    pub fn gaps(&self, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let end = range.end;
        let from = self.runs.partition_point(|run| run.end <= range.start);
        let later = self.runs.get(from..).unwrap_or_default().iter();
        let borders = later.cloned().chain(std::iter::once(end..end));
        let mut position = range.start;
        borders
            .map(move |run| {
                let gap = position..run.start.min(end);
                position = position.max(run.end);
                gap
            })
            .filter(|gap| !gap.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const END: u64 = 64;

    fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
        prop::collection::vec((0..END, 0..12_u64), 0..10)
            .prop_map(|all| all.iter().map(|(at, n)| *at..(at + n).min(END)).collect())
    }

    proptest! {
        /// Against a set of positions.
        #[test]
        fn it_is_a_set_of_bytes(inserted in ranges(), asked in ranges()) {
            let mut set = [false; END as usize];
            let mut held = Held::default();
            for range in inserted {
                set[range.start as usize..range.end as usize].fill(true);
                held.insert(range);
            }
            prop_assert_eq!(held.total(), set.iter().filter(|is| **is).count() as u64);
            prop_assert!(held.runs().windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert!(held.runs().iter().all(|run| !run.is_empty()));
            for range in asked {
                let mut lacks: Vec<u64> = held.gaps(&range).flatten().collect();
                lacks.sort_unstable();
                let missing: Vec<u64> = range.clone().filter(|at| !set[*at as usize]).collect();
                prop_assert_eq!(held.covers(&range), missing.is_empty());
                prop_assert_eq!(lacks, missing);
            }
        }

        #[test]
        fn a_union_is_both(a in ranges(), b in ranges()) {
            let of = |ranges: &[Range<u64>]| {
                ranges.iter().fold(Held::default(), |held, range| {
                    held.union(&Held::of(range.clone()))
                })
            };
            prop_assert_eq!(of(&a).union(&of(&b)), of(&[a, b].concat()));
        }
    }
}
