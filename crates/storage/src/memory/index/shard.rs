//! A part of the index, behind one lock.

use super::Entry;
use crate::memory::{
    ghosts::Ghosts,
    heat::{Heat, Moment},
};
use hashbrown::HashTable;

/// Further keys with one hash. Each makes the others slower to find.
const MOST_TWINS: usize = 7;

/// Entries without gaps, so that any can be drawn by lot, and where each one is.
#[derive(Debug)]
pub(super) struct Shard {
    entries: Vec<Entry>,
    places: HashTable<u32>,
    ghosts: Ghosts,
    /// So that nobody can choose keys that stand together in a table.
    seed: u64,
    /// Lookups.
    pub(super) asked: u64,
    /// Lookups that have found something.
    pub(super) found: u64,
}

impl Shard {
    pub(super) fn new(seed: u64, ghosts: Ghosts) -> Self {
        Shard {
            entries: Vec::new(),
            places: HashTable::new(),
            ghosts,
            seed,
            asked: 0,
            found: 0,
        }
    }

    /// Bytes that it takes, without what hangs on the entries.
    pub(super) fn weight(&self) -> u64 {
        let entries = self.entries.capacity() * size_of::<Entry>();
        (entries + self.places.allocation_size()) as u64 + self.ghosts.weight()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn find(&mut self, hash: u64, key: &str) -> Option<&mut Entry> {
        let place = *self
            .places
            .find(mixed(hash, self.seed), is(&self.entries, hash, key))?;
        self.entries.get_mut(place as usize)
    }

    /// Adds what is not there yet.
    pub(super) fn add(&mut self, entry: Entry) {
        let Ok(place) = u32::try_from(self.entries.len()) else {
            return;
        };
        if self.entries.len() == self.entries.capacity() {
            // Doubling would leave up to half of it unused.
            self.entries.reserve_exact(self.entries.len() / 8 + 8);
        }
        let hash = mixed(entry.hash, self.seed);
        let hash_of = hash_of(&self.entries, self.seed);
        self.places.insert_unique(hash, place, hash_of);
        self.entries.push(entry);
    }

    pub(super) fn remove(&mut self, hash: u64, key: &str) -> Option<Entry> {
        let found = self
            .places
            .find_entry(mixed(hash, self.seed), is(&self.entries, hash, key));
        let (place, _) = found.ok()?.remove();
        self.take_out(place)
    }

    /// Removes the entry at a place.
    pub(super) fn remove_at(&mut self, place: usize) -> Option<Entry> {
        let hash = self.entries.get(place)?.hash;
        let place = u32::try_from(place).ok()?;
        if let Ok(found) = self
            .places
            .find_entry(mixed(hash, self.seed), |at| *at == place)
        {
            found.remove();
        }
        self.take_out(place)
    }

    /// The last one takes the place of that which goes.
    fn take_out(&mut self, place: u32) -> Option<Entry> {
        let last = u32::try_from(self.entries.len().checked_sub(1)?).ok()?;
        let entry = self.entries.swap_remove(place as usize);
        if let Some(moved) = self.entries.get(place as usize)
            && let Some(at) = self
                .places
                .find_mut(mixed(moved.hash, self.seed), |at| *at == last)
        {
            *at = place;
        }
        self.shrink();
        Some(entry)
    }

    /// The entries of all keys with this very hash: one, or none.
    pub(super) fn twins(&self, hash: u64) -> impl Iterator<Item = &Entry> {
        let same = self.places.iter_hash(mixed(hash, self.seed));
        let entries = same.filter_map(|place| self.entries.get(*place as usize));
        entries.filter(move |entry| entry.hash == hash)
    }

    /// Removes one of the keys with this very hash, if there are many: by chance there never are.
    pub(super) fn remove_twin(&mut self, hash: u64) -> Option<Entry> {
        let entries = &self.entries;
        let is_twin = |place: &usize| entries.get(*place).is_some_and(|entry| entry.hash == hash);
        let same = self.places.iter_hash(mixed(hash, self.seed));
        let mut twins = same.map(|place| *place as usize).filter(is_twin);
        let first = twins.next()?;
        (twins.count() >= MOST_TWINS).then(|| self.remove_at(first))?
    }

    /// Remembers how hot what is gone was.
    pub(super) fn remember(&mut self, entry: &Entry, now: Moment) {
        let hash = mixed(entry.hash, self.seed);
        self.ghosts.put(hash, entry.heat, now);
    }

    /// How hot a key was that is back.
    pub(super) fn remembered(&mut self, hash: u64) -> Option<Heat> {
        self.ghosts.take(mixed(hash, self.seed))
    }

    /// Gives back what a much fuller shard has taken.
    fn shrink(&mut self) {
        let len = self.entries.len();
        if self.entries.capacity() > 64 && len < self.entries.capacity() / 4 {
            self.places
                .shrink_to(len, hash_of(&self.entries, self.seed));
            self.entries.shrink_to(len + len / 8);
        }
    }

    /// The place of the entry that is worth the least among some drawn by lot, and its worth.
    pub(super) fn coolest(
        &self,
        lots: impl Iterator<Item = u64>,
        now: Moment,
    ) -> Option<(usize, i64)> {
        let drawn = lots.filter_map(|lot| {
            let place = ((u128::from(lot) * self.entries.len() as u128) >> 64) as usize;
            let entry = self.entries.get(place)?;
            Some((place, entry.heat.worth(now, entry.weight)))
        });
        drawn.min_by_key(|(_, worth)| *worth)
    }
}

fn is(entries: &[Entry], hash: u64, key: &str) -> impl Fn(&u32) -> bool {
    move |&place| {
        let entry = entries.get(place as usize);
        entry.is_some_and(|entry| entry.hash == hash && entry.held.is_of(key))
    }
}

/// What a table goes by. Everybody can compute the hash of a key, and look for keys of which it is
/// nearly the same; not what this makes of it.
fn mixed(hash: u64, seed: u64) -> u64 {
    let product = u128::from(hash ^ seed) * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}

fn hash_of(entries: &[Entry], seed: u64) -> impl Fn(&u32) -> u64 {
    move |&place| {
        let entry = entries.get(place as usize);
        entry.map_or(0, |entry| mixed(entry.hash, seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::held::{Held, tests::stored};

    fn key(n: u32) -> String {
        format!("http://a.test/{n}")
    }

    fn entry(hash: u64, n: u32) -> Entry {
        Entry {
            hash,
            held: Held::pack(&key(n), &[stored(9)]).unwrap(),
            checked: Default::default(),
            weight: 0,
            heat: Heat::default(),
            hits: n,
        }
    }

    #[test]
    fn keys_with_one_hash_are_told_apart() {
        let mut shard = Shard::new(1, Ghosts::new(0));
        for n in 0..5 {
            shard.add(entry(7, n));
        }
        for n in 0..5 {
            let found = shard.find(7, &key(n));
            assert_eq!(found.map(|entry| entry.hits), Some(n));
        }
        assert!(shard.remove_twin(7).is_none(), "these are few");
        assert_eq!(shard.remove(7, &key(2)).map(|entry| entry.hits), Some(2));
        assert!(shard.find(7, &key(2)).is_none());
        assert_eq!(shard.find(7, &key(4)).map(|entry| entry.hits), Some(4));
    }

    #[test]
    fn nobody_fills_a_table_with_keys_of_one_hash() {
        let mut shard = Shard::new(1, Ghosts::new(0));
        for n in 0..1000 {
            shard.remove_twin(7);
            shard.add(entry(7, n));
            assert!(shard.find(7, &key(n)).is_some());
        }
        assert_eq!(shard.entries().len(), MOST_TWINS + 1);
    }
}
