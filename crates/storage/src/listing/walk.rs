//! The next keys behind a place, found among keys in any order.

use super::Place;

/// The next keys behind a place.
#[derive(Debug)]
pub(crate) struct Walk<T> {
    /// In order.
    pub(crate) found: Vec<(Place, T)>,
    /// Whether there are no more behind them.
    pub(crate) is_end: bool,
}

impl<T> Walk<T> {
    /// The same keys as something else.
    pub(crate) fn map<U>(self, of: impl Fn(T) -> U) -> Walk<U> {
        let found = self.found.into_iter();
        Walk {
            found: found.map(|(place, key)| (place, of(key))).collect(),
            is_end: self.is_end,
        }
    }

    /// Two walks from one place as one: of what both have, this one's is taken. It ends where the
    /// first of them does, unless there is nothing more behind that.
    pub(crate) fn over(mut self, below: Walk<T>) -> Walk<T> {
        let last = |walk: &Walk<T>| walk.found.last().map(|(place, _)| *place);
        let ends = [&self, &below].map(|walk| last(walk).filter(|_| !walk.is_end));
        let border = ends.into_iter().flatten().min();
        let is_here = |place: &Place| {
            let found = self.found.binary_search_by_key(place, |(place, _)| *place);
            found.is_ok()
        };
        let others = below.found.into_iter().filter(|(place, _)| !is_here(place));
        let others: Vec<_> = others.collect();
        self.found.extend(others);
        self.found
            .retain(|(place, _)| border.is_none_or(|border| *place <= border));
        self.found.sort_by_key(|(place, _)| *place);
        Walk {
            found: self.found,
            is_end: self.is_end && below.is_end,
        }
    }
}

/// Finds the next keys behind a place: of all that it is shown, it keeps the nearest.
///
/// Of more keys with one hash than it keeps, which chance does not bring about, it leaves some out.
#[derive(Debug)]
pub(crate) struct Nearest<T> {
    after: Option<Place>,
    most: usize,
    /// What is behind this is too far away.
    far: Option<Place>,
    found: Vec<(Place, T)>,
}

impl<T> Nearest<T> {
    /// Looks for so many keys, at least one, behind a place, or from the beginning.
    pub(crate) fn behind(after: Option<Place>, most: usize) -> Self {
        Nearest {
            after,
            most: most.max(1),
            far: None,
            found: Vec::new(),
        }
    }

    /// Whether it looks for keys at this place.
    pub(crate) fn is_wanted(&self, place: Place) -> bool {
        let is_behind = self.after.is_none_or(|after| place > after);
        is_behind && self.far.is_none_or(|far| place <= far)
    }

    /// Shows it a key at this place.
    pub(crate) fn show(&mut self, place: Place, key: impl FnOnce() -> T) {
        if !self.is_wanted(place) {
            return;
        }
        self.found.push((place, key()));
        // One more than is wanted tells whether the last ones are all of their hash.
        let kept = self.most + 1;
        if self.found.len() >= 2 * kept {
            self.found
                .select_nth_unstable_by_key(kept - 1, |(place, _)| *place);
            self.found.truncate(kept);
            self.far = self.found.last().map(|(place, _)| *place);
        }
    }

    /// Whether it has as many as it looks for: what is further away need not be shown.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() > self.most
    }

    /// What was found.
    pub(crate) fn end(mut self) -> Walk<T> {
        self.found.sort_unstable_by_key(|(place, _)| *place);
        let cut = self.found.get(self.most).map(|(place, _)| *place);
        if let Some(cut) = cut {
            // Those of one hash are on one page, for a cursor cannot stand between them.
            let whole = self.found.partition_point(|(place, _)| *place < cut);
            let kept = if whole > 0 { whole } else { self.most };
            self.found.truncate(kept);
        }
        Walk {
            found: self.found,
            is_end: cut.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn walk(
        numbers: &BTreeSet<u64>,
        name: char,
        after: Option<Place>,
        most: usize,
    ) -> Walk<(char, u64)> {
        let mut nearest = Nearest::behind(after, most);
        for number in numbers {
            nearest.show(Place::of_hash(number << 40), || (name, *number));
        }
        nearest.end()
    }

    proptest! {
        /// Whatever each of two has, walking over both comes upon everything once, and upon the
        /// first one's where both have it.
        #[test]
        fn two_are_walked_as_one(
            a in prop::collection::btree_set(0..200_u64, 0..80),
            b in prop::collection::btree_set(0..200_u64, 0..80),
            (most_a, most_b) in (1..20_usize, 1..20_usize),
        ) {
            let (mut after, mut all) = (None, Vec::new());
            loop {
                let both = walk(&a, 'a', after, most_a).over(walk(&b, 'b', after, most_b));
                prop_assert!(both.found.is_sorted_by_key(|(place, _)| *place));
                prop_assert!(both.is_end || !both.found.is_empty());
                after = both.found.last().map(|(place, _)| *place);
                all.extend(both.found.into_iter().map(|(_, found)| found));
                if both.is_end {
                    break;
                }
            }
            let mut expected: Vec<_> = a.iter().map(|n| ('a', *n)).collect();
            expected.extend(b.difference(&a).map(|n| ('b', *n)));
            all.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(all, expected);
        }

        /// Against a sorted list.
        #[test]
        fn the_nearest_are_found_in_order(
            hashes in prop::collection::vec(0..200_u64, 0..120),
            after in prop::option::of(0..200_u64),
            most in 1..20_usize,
        ) {
            let place = |n: u64| Place::of_hash(n << 40);
            let mut nearest = Nearest::behind(after.map(place), most);
            for hash in &hashes {
                nearest.show(place(*hash), || *hash);
            }
            let walk = nearest.end();
            let mut all: Vec<u64> = hashes.iter().copied().filter(|n| after.is_none_or(|a| *n > a)).collect();
            all.sort_unstable();
            let found: Vec<u64> = walk.found.iter().map(|(_, hash)| *hash).collect();
            prop_assert_eq!(&found[..], &all[..found.len()]);
            prop_assert!(found.len() <= most.max(1));
            prop_assert_eq!(walk.is_end, all.len() <= most);
            if walk.is_end {
                prop_assert_eq!(found.len(), all.len());
            } else if found.first() != all.get(most) {
                // The next one is of another hash.
                prop_assert_ne!(found.last(), all.get(found.len()));
            }
            prop_assert_eq!(found.is_empty(), all.is_empty());
        }
    }
}
