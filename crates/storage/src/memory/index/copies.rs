//! What several threads ask for at the same time: each has a copy of its own. So none waits for another
//! one, and no line of memory goes from core to core with every hit.
//!
//! A copy is made where a lookup had to wait for its shard. It is good as long as nothing in the shard has
//! changed: then a lookup that had waited would have found the same. Its hits are told to the index some at a
//! time; those of a thread that asks for nothing more are not.

use std::cell::RefCell;

use super::entry::{Entry, Found};

/// Copies that a thread has at the most, of some KiB each: few keys are so hot that threads meet at them.
const MOST: usize = 8;

/// Hits of a copy that are counted together.
const TOGETHER: u32 = 64;

thread_local! {
    static COPIES: RefCell<[Option<Box<Copied>>; MOST]> =
        const { RefCell::new([const { None }; MOST]) };
}

/// An entry of an index, and the small response behind it.
#[derive(Debug)]
pub(super) struct Copied {
    /// Which index.
    pub(super) index: u64,
    /// What its shard had gone through when the copy was made.
    pub(super) generation: u64,
    /// Hits that nobody has counted yet.
    pub(super) hits: u32,
    entry: Entry,
    piece: Box<[u8]>,
}

impl Copied {
    /// A copy; `None` of what is large, or several.
    pub(super) fn of(found: Found<'_>, index: u64, generation: u64) -> Option<Box<Copied>> {
        Some(Box::new(Copied {
            index,
            generation,
            hits: 0,
            entry: found.entry,
            piece: found.small()?.into(),
        }))
    }

    pub(super) fn found(&self) -> Found<'_> {
        Found::of_small(self.entry, &self.piece)
    }

    pub(super) fn hash(&self) -> u64 {
        self.entry.hash
    }

    /// More hits. Whether all of them are to be counted now.
    pub(super) fn hits(&mut self, more: u32) -> bool {
        self.hits = self.hits.saturating_add(more);
        self.hits >= TOGETHER
    }
}

/// Takes what this thread has of an index that may be of a key with this hash.
pub(super) fn take(index: u64, hash: u64) -> Option<Box<Copied>> {
    with(hash, |place| {
        place.take_if(|copy| copy.index == index && copy.hash() == hash)
    })
}

/// Puts it where it was, or is to be. What had to go for it is handed back.
pub(super) fn put(copy: Box<Copied>) -> Option<Box<Copied>> {
    with(copy.hash(), |place| place.replace(copy))
}

fn with<T>(hash: u64, change: impl FnOnce(&mut Option<Box<Copied>>) -> T) -> T {
    COPIES.with_borrow_mut(|copies| change(&mut copies[hash as usize % MOST]))
}
