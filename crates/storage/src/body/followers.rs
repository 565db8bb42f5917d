//! Who reads a body that is arriving, and how far each has come.

use std::{
    collections::BTreeMap,
    task::{Context, Waker},
};

/// The readers of one growing body.
///
/// Knows the position of the slowest at any time. It looks through all of them only when the last
/// one at that position has moved on, so a herd in step costs each member a constant.
#[derive(Debug, Default)]
pub(super) struct Followers {
    readers: BTreeMap<u64, Reader>,
    next_id: u64,
    slowest: u64,
    at_slowest: usize,
}

#[derive(Debug)]
struct Reader {
    position: u64,
    waker: Option<Waker>,
}

impl Followers {
    /// Adds a reader that wants the byte at `position` next; gives its id.
    pub(super) fn join(&mut self, position: u64) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.insert(id, position);
        id
    }

    fn insert(&mut self, id: u64, position: u64) {
        let reader = Reader {
            position,
            waker: None,
        };
        if self.readers.is_empty() || position < self.slowest {
            self.slowest = position;
            self.at_slowest = 1;
        } else if position == self.slowest {
            self.at_slowest += 1;
        }
        self.readers.insert(id, reader);
    }

    /// A reader has taken bytes. Whether the slowest position changed by that.
    pub(super) fn advance(&mut self, id: u64, to: u64) -> bool {
        let Some(reader) = self.readers.get_mut(&id) else {
            return false;
        };
        let from = std::mem::replace(&mut reader.position, to);
        self.moved_from(from)
    }

    /// A reader is gone. Whether the slowest position changed by that.
    pub(super) fn leave(&mut self, id: u64) -> bool {
        self.readers
            .remove(&id)
            .is_some_and(|reader| self.moved_from(reader.position))
    }

    fn moved_from(&mut self, position: u64) -> bool {
        if position != self.slowest {
            return false;
        }
        self.at_slowest -= 1;
        if self.at_slowest > 0 {
            return false;
        }
        self.find_slowest();
        true
    }

    fn find_slowest(&mut self) {
        let positions = || self.readers.values().map(|reader| reader.position);
        self.slowest = positions().min().unwrap_or(u64::MAX);
        self.at_slowest = positions().filter(|&p| p == self.slowest).count();
    }

    /// The position of the slowest; `None` without readers.
    pub(super) fn slowest(&self) -> Option<u64> {
        (!self.readers.is_empty()).then_some(self.slowest)
    }

    /// Whether there ever was a reader.
    pub(super) fn any_came(&self) -> bool {
        self.next_id > 0
    }

    /// Remembers whom to wake when there is a byte at `position` for this reader. One that was let
    /// go, and has caught up all the same, is among them again.
    pub(super) fn wait(&mut self, id: u64, position: u64, cx: &Context<'_>) {
        if self.readers.contains_key(&id) {
            self.advance(id, position);
        } else {
            self.insert(id, position);
        }
        let Some(reader) = self.readers.get_mut(&id) else {
            return;
        };
        match &mut reader.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Whether one of them waits for the byte at `position`, or a later one.
    pub(super) fn any_waits_for(&self, position: u64) -> bool {
        let mut readers = self.readers.values();
        readers.any(|reader| reader.waker.is_some() && reader.position >= position)
    }

    /// Lets go of those that are before `position`: nothing is held for them.
    pub(super) fn let_go_before(&mut self, position: u64) {
        self.readers.retain(|_, reader| reader.position >= position);
        self.find_slowest();
    }

    /// Those who wait for a byte before `end`, to be woken once no lock is held.
    pub(super) fn waiting_before(&mut self, end: u64) -> Vec<Waker> {
        self.readers
            .values_mut()
            .filter(|reader| reader.position < end)
            .filter_map(|reader| reader.waker.take())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_readers_nobody_is_slowest() {
        let mut followers = Followers::default();
        assert_eq!(followers.slowest(), None);
        assert!(!followers.any_came());
        let id = followers.join(7);
        assert_eq!(followers.slowest(), Some(7));
        assert!(followers.leave(id));
        assert!(!followers.leave(id), "it is gone already");
        assert_eq!(followers.slowest(), None);
        assert!(followers.any_came());
    }

    proptest! {
        /// Joins, steps and leaves at random, against the minimum taken anew each time.
        #[test]
        fn the_slowest_is_the_minimum(steps in prop::collection::vec((0..4_u8, 0..8_usize, 0..5_u64), 0..200)) {
            let mut followers = Followers::default();
            let mut model: Vec<(u64, u64)> = Vec::new();
            for (what, which, by) in steps {
                let before = followers.slowest();
                let count = model.len().max(1);
                let changed = match (what, model.get_mut(which % count)) {
                    (0, _) | (_, None) => {
                        model.push((followers.join(by), by));
                        followers.slowest() != before
                    }
                    (1, _) => {
                        let (id, _) = model.swap_remove(which % count);
                        followers.leave(id)
                    }
                    (_, Some((id, position))) => {
                        *position += by + 1;
                        followers.advance(*id, *position)
                    }
                };
                let slowest = model.iter().map(|&(_, position)| position).min();
                prop_assert_eq!(followers.slowest(), slowest);
                prop_assert_eq!(changed, before != slowest);
            }
        }
    }
}
