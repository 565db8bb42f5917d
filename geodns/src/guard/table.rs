//! A table of fixed size: what each network owes, in one word of 64 bits, changed without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::debt::{self, Account};

/// Words that a key may be in: one cache line.
const WAYS: usize = 8;
/// An entry that others change at the same time is charged by the last of so many tries.
const TRIES: usize = 64;

/// Entries by key. Each is the upper bits of its key, and the time at which nothing is owed.
#[derive(Debug)]
pub(super) struct Table {
    lines: Box<[Line]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; WAYS]);

impl Table {
    /// Of at least so many entries.
    pub(super) fn new(entries: usize) -> Self {
        let lines = entries.div_ceil(WAYS).max(1).next_power_of_two();
        Table {
            lines: (0..lines).map(|_| Line::default()).collect(),
        }
    }

    /// Charges a key, and tells whether it had credit.
    pub(super) fn charge(&self, key: u64, account: &Account, units: u64, now: u64) -> bool {
        let tag = key >> debt::BITS;
        // The tag is of the upper bits, the line of the lower ones.
        let line = &self.lines[key as usize & (self.lines.len() - 1)];
        let mut allowed = true;
        for _ in 0..TRIES {
            let (entry, word) = line.find(tag, now);
            let free_at = match word >> debt::BITS == tag {
                true => word & ((1 << debt::BITS) - 1),
                false => now,
            };
            let (free_at, credit) = account.charge(free_at, units, now);
            allowed = credit;
            let new = tag << debt::BITS | free_at;
            let changed =
                entry.compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed);
            if changed.is_ok() {
                break;
            }
        }
        allowed
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines.len() * WAYS
    }
}

impl Line {
    /// The entry of this tag, else that of who owes least, with what it holds.
    fn find(&self, tag: u64, now: u64) -> (&AtomicU64, u64) {
        let mut least = (&self.0[0], self.0[0].load(Ordering::Relaxed));
        for entry in &self.0 {
            let word = entry.load(Ordering::Relaxed);
            if word >> debt::BITS == tag {
                return (entry, word);
            }
            if debt::ahead(word, now) < debt::ahead(least.1, now) {
                least = (entry, word);
            }
        }
        least
    }
}
