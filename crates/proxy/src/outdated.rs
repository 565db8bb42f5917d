//! What was made invalid lately, so that what was asked for before is not stored as if it were
//! asked for after.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Names that are remembered. With more of them made invalid while a response was on its way, it
/// counts as outdated whatever its names are.
const REMEMBERED: usize = 4096;

/// A moment before a request was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// As [`Outdated::now`] has it.
    pub(crate) paths: u64,
    pub(crate) groups: u64,
}

/// Names that were made invalid, and when, by a count. For names that a purge cannot look up among
/// the fetches under way: it is the response that brings them. Names are known by a hash: if two
/// fall together, a response is not stored that might have been.
#[derive(Debug, Default)]
pub(crate) struct Outdated {
    hasher: RandomState,
    lately: Mutex<Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    count: u64,
    /// The count when a name was last made invalid.
    by_name: HashMap<u64, u64>,
    /// The same in order of time; a name may stand there again later.
    order: VecDeque<(u64, u64)>,
    /// All before this is forgotten.
    forgotten: u64,
}

impl Outdated {
    /// To be asked for before a request is sent.
    pub(crate) fn now(&self) -> u64 {
        self.lately().count
    }

    /// This name is made invalid now.
    pub(crate) fn note(&self, name: impl Hash) {
        let name = self.hasher.hash_one(name);
        let mut lately = self.lately();
        lately.count += 1;
        let count = lately.count;
        lately.by_name.insert(name, count);
        lately.order.push_back((name, count));
        while lately.order.len() > REMEMBERED {
            let Some((name, count)) = lately.order.pop_front() else {
                return;
            };
            if lately.by_name.get(&name) == Some(&count) {
                lately.by_name.remove(&name);
            }
            lately.forgotten = count;
        }
    }

    /// Whether this name was made invalid, or may have been, after [`Outdated::now`] was `then`.
    pub(crate) fn since(&self, then: u64, name: impl Hash) -> bool {
        let name = self.hasher.hash_one(name);
        let lately = self.lately();
        lately.forgotten > then || lately.by_name.get(&name).is_some_and(|count| *count > then)
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        // At worst a name is forgotten too early in one of the two lists, not in both.
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_is_outdated_and_what_comes_after_is_not() {
        let outdated = Outdated::default();
        let before = outdated.now();
        outdated.note("a");
        let between = outdated.now();
        assert!(outdated.since(before, "a"));
        assert!(!outdated.since(before, "b"));
        assert!(!outdated.since(between, "a"));
        outdated.note("a");
        assert!(outdated.since(between, "a"));
    }

    #[test]
    fn what_is_forgotten_counts_as_outdated() {
        let outdated = Outdated::default();
        let before = outdated.now();
        outdated.note("a");
        let after = outdated.now();
        for n in 0..REMEMBERED {
            outdated.note(n);
        }
        assert!(outdated.since(before, "never noted"));
        assert!(!outdated.since(after, "never noted"));
        let lately = outdated.lately();
        assert_eq!(
            (lately.order.len(), lately.by_name.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
