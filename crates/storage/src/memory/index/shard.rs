//! A part of the index, behind one lock.

use super::{
    entry::{Entries, Entry, Found, Gone},
    table::Table,
};
use crate::{
    Revision,
    memory::{
        ghosts::Ghosts,
        heap::Heap,
        heat::{Heat, Moment},
        held::Held,
    },
};

/// Entries drawn for each one that goes.
const LOTS: usize = 16;

/// Further keys with one hash. Each makes the others slower to find.
const MOST_TWINS: usize = 7;

/// Entries, and where each one is. What a hit writes comes first, beside the lock.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Shard {
    /// Lookups.
    pub(super) asked: u64,
    /// Lookups that have found something.
    pub(super) found: u64,
    /// So that nobody can choose keys that stand together in a table.
    seed: u64,
    places: Table,
    entries: Entries,
    /// What hangs on all entries.
    held: u64,
    ghosts: Ghosts,
    /// How often entries have got other numbers.
    pub(super) renumbered: u64,
}

impl Shard {
    pub(super) fn new(seed: u64, ghosts: Ghosts, heap: Heap) -> Self {
        Shard {
            places: Table::default(),
            entries: Entries::new(heap),
            held: 0,
            ghosts,
            seed,
            renumbered: 0,
            asked: 0,
            found: 0,
        }
    }

    /// Bytes that it takes, and all that hangs on it.
    pub(super) fn weight(&self) -> u64 {
        self.places.weight() + self.entries.weight() + self.ghosts.weight() + self.held
    }

    /// Entries have numbers below this one; some numbers have none. Each keeps its own until it is removed,
    /// or all are numbered anew.
    pub(super) fn numbers(&self) -> usize {
        self.places.slots()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Found<'_>> {
        let places = self.places.iter();
        places.filter_map(|at| self.entries.get(at))
    }

    /// The number of the entry of a key.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.look(hash, key).map(|(number, _)| number)
    }

    /// The same, and the entry.
    pub(super) fn look(&self, hash: u64, key: &[u8]) -> Option<(usize, Found<'_>)> {
        let mut seen = None;
        let number = self.places.find(tag(hash, self.seed), |at| {
            self.entries.prefetch(at);
            let found = self.entries.get(at);
            seen = found.filter(|found| found.entry.hash == hash && found.view().is_of(key));
            seen.is_some()
        })?;
        Some((number, seen?))
    }

    /// The entry with this number.
    pub(super) fn get(&self, number: usize) -> Option<Found<'_>> {
        self.entries.get(self.places.get(number)?)
    }

    /// Changes what is known of it.
    pub(super) fn change(&mut self, number: usize, change: impl FnOnce(&mut Entry)) {
        if let Some(at) = self.places.get(number) {
            self.entries.change(at, change);
        }
    }

    /// Adds what is not there yet: responses of a key with this hash, that were checked up to then, and how
    /// hot it is. What it weighs; `None` if there are too many.
    pub(super) fn add(
        &mut self,
        hash: u64,
        held: Held,
        checked: Revision,
        heat: Heat,
    ) -> Option<u64> {
        let entry = Entry {
            hash,
            checked,
            heat,
            hits: 0,
        };
        let at = self.entries.put(entry, held)?;
        let weight = self.entries.get(at)?.weight();
        self.held += weight;
        let is_new = self.places.insert(tag(hash, self.seed), at);
        self.renumbered += u64::from(is_new);
        Some(weight)
    }

    /// Puts other responses in the place of what an entry has. What they weigh, and what it had.
    pub(super) fn replace(&mut self, number: usize, held: Held) -> Option<(u64, Gone)> {
        let old = self.places.get(number)?;
        let found = self.entries.get(old)?;
        let (entry, old_weight) = (found.entry, found.weight());
        let new = self.entries.put(entry, held)?;
        let weight = self.entries.get(new)?.weight();
        self.places.set(number, new);
        self.held = self.held + weight - old_weight;
        let gone = self.entries.remove(old)?;
        self.tidy();
        Some((weight, gone))
    }

    pub(super) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Gone> {
        self.remove_at(self.find(hash, key)?)
    }

    /// Removes the entry with this number.
    pub(super) fn remove_at(&mut self, number: usize) -> Option<Gone> {
        let at = self.places.get(number)?;
        self.held -= self.entries.get(at)?.weight();
        let is_new = self.places.remove(number);
        self.renumbered += u64::from(is_new);
        let gone = self.entries.remove(at);
        self.tidy();
        gone
    }

    /// Has no more holes between the entries than there may be.
    fn tidy(&mut self) {
        let (places, seed) = (&mut self.places, self.seed);
        self.entries.tidy(|hash, old, new| {
            if let Some(number) = places.find(tag(hash, seed), |at| at == old) {
                places.set(number, new);
            }
        });
    }

    /// The entries of all keys with this very hash: one, or none.
    pub(super) fn twins(&self, hash: u64) -> impl Iterator<Item = Entry> {
        self.numbers_of(hash)
            .filter_map(|number| Some(self.get(number)?.entry))
    }

    /// Their numbers.
    fn numbers_of(&self, hash: u64) -> impl Iterator<Item = usize> {
        let same = self.places.with_tag(tag(hash, self.seed));
        let is_it = move |at| {
            let found = self.entries.get(at);
            found.is_some_and(|found| found.entry.hash == hash)
        };
        same.filter_map(move |(number, at)| is_it(at).then_some(number))
    }

    /// Removes one of the keys with this very hash, if there are many: by chance there never are.
    pub(super) fn remove_twin(&mut self, hash: u64) -> Option<Gone> {
        let mut twins = self.numbers_of(hash);
        let first = twins.next()?;
        let are_many = twins.count() >= MOST_TWINS;
        are_many.then(|| self.remove_at(first))?
    }

    /// Remembers how hot what is gone was.
    pub(super) fn remember(&mut self, gone: &Gone, now: Moment) {
        let hash = mixed(gone.entry.hash, self.seed);
        self.ghosts.put(hash, gone.entry.heat, now);
    }

    /// How hot a key was that is back.
    pub(super) fn remembered(&mut self, hash: u64) -> Option<Heat> {
        self.ghosts.take(mixed(hash, self.seed))
    }

    /// The number of the entry that is worth the least among some drawn by lot, and its worth.
    pub(super) fn coolest(&self, draw: impl FnMut() -> u64, now: Moment) -> Option<(usize, i64)> {
        let numbers = self.places.slots();
        // A table is a quarter full at least, unless it is small.
        let lots = std::iter::repeat_with(draw).take(8 * LOTS);
        let lots = lots.map(|lot| ((u128::from(lot) * numbers as u128) >> 64) as usize);
        let mut drawn = [None; LOTS];
        let found = lots.filter_map(|number| Some((number, self.places.get(number)?)));
        // They are anywhere in memory: all are fetched before the first one is waited for.
        for (drawn, found) in drawn.iter_mut().zip(found) {
            self.entries.prefetch_entry(found.1);
            *drawn = Some(found);
        }
        let worth = |(number, at)| {
            let found = self.entries.get(at)?;
            Some((number, found.entry.heat.worth(now, found.weight())))
        };
        let coolest = drawn.into_iter().flatten().filter_map(worth);
        let coolest = coolest.min_by_key(|(_, worth)| *worth);
        let any = || (0..numbers).find_map(|number| worth((number, self.places.get(number)?)));
        coolest.or_else(any)
    }
}

/// What a table goes by. Everybody can compute the hash of a key, and look for keys of which it is
/// nearly the same; not what this makes of it.
fn mixed(hash: u64, seed: u64) -> u64 {
    let product = u128::from(hash ^ seed) * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}

/// What of it is kept in a table.
fn tag(hash: u64, seed: u64) -> u32 {
    (mixed(hash, seed) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{chunks::Chunks, held::tests::stored};

    fn key(n: u32) -> Vec<u8> {
        format!("http://a.test/{n}").into_bytes()
    }

    fn shard() -> Shard {
        Shard::new(
            1,
            Ghosts::new(0),
            Heap::new(std::sync::Arc::new(Chunks::reserve(1 << 20))),
        )
    }

    fn add(shard: &mut Shard, hash: u64, n: u32) {
        let held = Held::pack(std::str::from_utf8(&key(n)).unwrap(), &[stored(9)]).unwrap();
        shard
            .add(hash, held, Revision::default(), Heat::default())
            .unwrap();
    }

    #[test]
    fn keys_with_one_hash_are_told_apart() {
        let mut shard = shard();
        for n in 0..5 {
            add(&mut shard, 7, n);
        }
        for n in 0..5 {
            let found = shard.find(7, &key(n)).unwrap();
            assert!(shard.get(found).unwrap().view().is_of(&key(n)));
        }
        assert!(shard.remove_twin(7).is_none(), "these are few");
        assert!(shard.remove(7, &key(2)).is_some());
        assert!(shard.find(7, &key(2)).is_none());
        assert!(shard.find(7, &key(4)).is_some());
    }

    #[test]
    fn nobody_fills_a_table_with_keys_of_one_hash() {
        let mut shard = shard();
        for n in 0..10_000 {
            shard.remove_twin(7);
            add(&mut shard, 7, n);
            assert!(shard.find(7, &key(n)).is_some());
        }
        assert_eq!(shard.entries().count(), MOST_TWINS + 1);
    }

    /// Whatever is moved in the heap, each entry finds its own.
    #[test]
    fn what_is_moved_is_found() {
        let mut shard = shard();
        for n in 0..20_000_u32 {
            add(&mut shard, n.into(), n);
            if n >= 1000 {
                // Those that are left are everywhere.
                let gone = n.wrapping_mul(7919) % n;
                shard.remove(gone.into(), &key(gone));
            }
        }
        let mut bytes = 0;
        for found in shard.entries() {
            assert!(found.view().is_of(&key(found.entry.hash as u32)));
            bytes += found.weight();
        }
        assert_eq!(bytes, shard.held);
    }
}
