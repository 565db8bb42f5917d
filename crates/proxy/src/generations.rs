//! What is known of some keys, bounded in number. It stands in two generations: when the young one
//! is full, the old one is forgotten at once, and the young one grows old.
//!
//! Keys are known by a hash with a secret, since clients choose how long they are: two may fall
//! together.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use perigee_http_cache::CacheKey;

/// A value for each of some keys.
#[derive(Debug)]
pub(crate) struct Generations<T> {
    young: HashMap<u64, T>,
    old: HashMap<u64, T>,
    per_generation: usize,
    hasher: RandomState,
}

impl<T: Copy> Generations<T> {
    /// At most this many; fewer than two: none.
    pub(crate) fn new(max: usize) -> Self {
        Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            per_generation: max / 2,
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<T> {
        if self.young.is_empty() && self.old.is_empty() {
            return None;
        }
        let key = self.hasher.hash_one(key);
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    pub(crate) fn set(&mut self, key: &CacheKey, value: T) {
        if self.per_generation == 0 {
            return;
        }
        let key = self.hasher.hash_one(key);
        if !self.young.contains_key(&key) && self.young.len() >= self.per_generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &CacheKey) {
        if self.young.is_empty() && self.old.is_empty() {
            return;
        }
        let key = self.hasher.hash_one(key);
        self.young.remove(&key);
        self.old.remove(&key);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
