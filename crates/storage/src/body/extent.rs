//! What a stored body is made of: stretches of consecutive bytes, with holes between them where the
//! stored response is a part.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::{Spooled, Whole};
use crate::disk::log::Stretch;

/// Consecutive bytes of a representation. Never empty, but where the whole body is.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Position of its first byte in the complete representation.
    pub(crate) start: u64,
    /// How many bytes.
    pub(crate) length: u64,
    /// Where the first of them is in what `medium` holds: more than nothing where another extent
    /// has taken the place of the bytes before.
    skip: u64,
    pub(crate) medium: Medium,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Medium {
    Memory(Whole),
    Disk(Stretch),
    /// In memory until the disk has it.
    Spooled(Arc<Spooled>),
}

impl Medium {
    /// How many bytes there are.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Medium::Memory(whole) => whole.length(),
            Medium::Disk(stretch) => stretch.length(),
            Medium::Spooled(spooled) => spooled.length(),
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Medium::Memory(whole) => whole.weight(),
            Medium::Disk(stretch) => stretch.weight(),
            Medium::Spooled(spooled) => spooled.weight(),
        }
    }

    /// Where the bytes are now: never [`Medium::Spooled`].
    pub(crate) fn settled(&self) -> Medium {
        match self {
            Medium::Spooled(spooled) => spooled.settled(),
            settled => settled.clone(),
        }
    }
}

impl Extent {
    /// All bytes of a medium, of which the first stands at this position.
    pub(crate) fn new(start: u64, medium: Medium) -> Self {
        Extent {
            start,
            length: medium.length(),
            skip: 0,
            medium,
        }
    }

    /// Position after its last byte.
    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Bytes of memory that it takes: all of what it is a part of.
    pub(crate) fn weight(&self) -> u64 {
        self.medium.weight()
    }

    /// Whether it is all of its medium, and begins with the representation.
    pub(crate) fn is_all_from_the_first(&self) -> bool {
        self.start == 0 && self.skip == 0 && self.length == self.medium.length()
    }

    /// Where its first byte is in what the medium holds.
    pub(crate) fn skip(&self) -> u64 {
        self.skip
    }

    /// So many of the bytes of its medium from there on. `None` if it has not as many.
    pub(crate) fn cut(self, skip: u64, length: u64) -> Option<Extent> {
        let end = skip.checked_add(length)?;
        (length > 0 && end <= self.medium.length()).then_some(Extent {
            skip,
            length,
            ..self
        })
    }

    /// Where these positions are in the medium.
    pub(crate) fn within(&self, positions: &Range<u64>) -> Range<u64> {
        let offset =
            |position: u64| self.skip + position.clamp(self.start, self.end()) - self.start;
        offset(positions.start)..offset(positions.end)
    }

    /// Those of its bytes that stand at these positions; None if none do.
    fn part(&self, positions: Range<u64>) -> Option<Extent> {
        let start = positions.start.max(self.start);
        let end = positions.end.min(self.end());
        (start < end).then(|| Extent {
            start,
            length: end - start,
            skip: self.skip + (start - self.start),
            medium: self.medium.clone(),
        })
    }
}

/// All extents of a body, in order, disjoint. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Extents {
    runs: Runs,
}

#[derive(Clone, Debug)]
enum Runs {
    /// Most bodies are whole: no list for them.
    One(Extent),
    /// With the bytes of all of them, for each answer tells them.
    Many { all: Arc<[Extent]>, length: u64 },
}

/// What is at a position.
#[derive(Debug)]
pub(crate) enum At<'a> {
    Held(&'a Extent),
    /// Bytes that are not held, though later ones are.
    Hole,
    /// Nothing from there on.
    End,
}

impl Extents {
    /// Consecutive bytes from this position on.
    pub(crate) fn one(start: u64, whole: Whole) -> Self {
        Extents {
            runs: Runs::One(Extent::new(start, Medium::Memory(whole))),
        }
    }

    /// These, which are in order and disjoint.
    pub(crate) fn of(extents: Vec<Extent>) -> Self {
        debug_assert!(
            extents
                .windows(2)
                .all(|pair| pair[0].end() <= pair[1].start)
        );
        let runs = match <[Extent; 1]>::try_from(extents) {
            Ok([extent]) => Runs::One(extent),
            Err(extents) if extents.is_empty() => return Extents::one(0, Whole::new(Vec::new())),
            Err(extents) => Runs::Many {
                length: extents.iter().map(|extent| extent.length).sum(),
                all: extents.into(),
            },
        };
        Extents { runs }
    }

    /// All bytes from the first position on, if they are in one piece of memory. None are left then.
    pub(crate) fn take_one(&mut self) -> Option<Bytes> {
        match &mut self.runs {
            Runs::One(extent) if extent.is_all_from_the_first() => match &mut extent.medium {
                Medium::Memory(whole) => whole.take_one(),
                Medium::Disk(_) | Medium::Spooled(_) => None,
            },
            _ => None,
        }
    }

    /// Each of them, in order.
    pub(crate) fn as_slice(&self) -> &[Extent] {
        match &self.runs {
            Runs::One(extent) => std::slice::from_ref(extent),
            Runs::Many { all, .. } => all,
        }
    }

    /// Position of the first byte held.
    pub(crate) fn start(&self) -> u64 {
        self.as_slice().first().map_or(0, |extent| extent.start)
    }

    /// Position after the last byte held.
    pub(crate) fn end(&self) -> u64 {
        self.as_slice().last().map_or(0, Extent::end)
    }

    /// How many bytes are held.
    pub(crate) fn length(&self) -> u64 {
        match &self.runs {
            Runs::One(extent) => extent.length,
            Runs::Many { length, .. } => *length,
        }
    }

    /// Bytes of memory that they take.
    pub(crate) fn weight(&self) -> u64 {
        let list = match &self.runs {
            Runs::One(_) => 0,
            Runs::Many { all, .. } => size_of_val::<[Extent]>(all) as u64 + 32,
        };
        list + self.as_slice().iter().map(Extent::weight).sum::<u64>()
    }

    /// Together with those of `old` that are not among these. No byte is copied.
    pub(crate) fn over(&self, old: &Extents) -> Extents {
        let mut all: Vec<Extent> = self.as_slice().to_vec();
        let mut free_from = 0;
        let ends = self.as_slice().iter().map(|new| (new.start, new.end()));
        for (start, end) in ends.chain([(u64::MAX, u64::MAX)]) {
            let between = free_from..start;
            let extents = old.as_slice().iter();
            all.extend(extents.filter_map(|extent| extent.part(between.clone())));
            free_from = end;
        }
        all.retain(|extent| extent.length > 0);
        all.sort_unstable_by_key(|extent| extent.start);
        Extents::of(all)
    }

    /// What is at this position.
    pub(crate) fn at(&self, position: u64) -> At<'_> {
        let extents = self.as_slice();
        let index = extents.partition_point(|extent| extent.end() <= position);
        match extents.get(index) {
            Some(extent) if extent.start <= position => At::Held(extent),
            Some(_) => At::Hole,
            None => At::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn extent(start: u64, bytes: &[u8]) -> Extent {
        let whole = Whole::new(vec![Bytes::copy_from_slice(bytes)]);
        Extent::new(start, Medium::Memory(whole))
    }

    /// What is held, byte by byte.
    fn bytes_of(extents: &Extents, end: u64) -> Vec<Option<u8>> {
        let byte = |position: u64| match extents.at(position) {
            At::Held(extent) => {
                let Medium::Memory(whole) = extent.medium.settled() else {
                    return None;
                };
                let chunk = whole.chunk(extent.within(&(position..position + 1)));
                chunk.map(|chunk| chunk[0])
            }
            At::Hole | At::End => None,
        };
        (0..end).map(byte).collect()
    }

    #[test]
    fn a_hole_is_no_end() {
        let extents = Extents::of(vec![extent(10, &[1; 5]), extent(20, &[2; 5])]);
        let at = |position| match extents.at(position) {
            At::Held(extent) => i64::try_from(extent.start).unwrap(),
            At::Hole => -1,
            At::End => -2,
        };
        let found: Vec<_> = [0, 9, 10, 14, 15, 19, 20, 24, 25].map(at).into();
        assert_eq!(found, [-1, -1, 10, 10, -1, -1, 20, 20, -2]);
        assert_eq!((extents.start(), extents.end()), (10, 25));
        assert_eq!(extents.length(), 10);
    }

    #[test]
    fn nothing_is_an_empty_body() {
        let extents = Extents::of(Vec::new());
        assert_eq!((extents.start(), extents.end()), (0, 0));
        assert!(matches!(extents.at(0), At::End));
    }

    proptest! {
        /// One after the other, as if written into an array.
        #[test]
        fn the_newer_bytes_win(
            writes in prop::collection::vec((0..60_u64, 1..20_usize, any::<u8>()), 1..8),
        ) {
            let mut model = vec![None; 80];
            let mut held = Extents::of(Vec::new());
            for (start, length, byte) in writes {
                model[start as usize..][..length].fill(Some(byte));
                held = Extents::of(vec![extent(start, &vec![byte; length])]).over(&held);
            }
            prop_assert_eq!(held.length(), model.iter().flatten().count() as u64);
            prop_assert_eq!(bytes_of(&held, 80), model);
        }
    }
}
