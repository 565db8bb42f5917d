//! Tables by what is a hash already.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A table by the hashes of keys ([`crate::CacheKey::seeded_hash`]), which are not hashed once more.
pub type ByHash<T> = HashMap<u64, T, BuildHasherDefault<IdentityHasher>>;

/// Of a hash, the hash itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
