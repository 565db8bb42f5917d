//! Signatures that were made. Read and written by all threads, without a lock and without waiting: a
//! reader that meets a writer has not found it, and a writer that meets another one gives up.
//!
//! Each place is a sequence lock made of atomics: its version is odd while it is written, and a reader
//! takes what it has read only if the version has stayed.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::algorithm::SIGNATURE;

/// A signature as atomics hold it.
const WORDS: usize = SIGNATURE / 8;
/// In how many places a key may be.
const WAYS: usize = 4;

/// A table of signatures of a fixed size.
pub(crate) struct Cache {
    places: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    /// Odd while it is written; 0 if it never was.
    version: AtomicU64,
    key: [AtomicU64; 2],
    signature: [AtomicU64; WORDS],
}

impl Cache {
    /// For about this many signatures.
    pub(crate) fn new(capacity: usize) -> Self {
        let size = capacity.next_power_of_two().max(WAYS);
        Cache {
            places: (0..size).map(|_| Place::default()).collect(),
        }
    }

    /// How many it can remember.
    pub(crate) fn capacity(&self) -> usize {
        self.places.len()
    }

    /// The signature of this key. Keys are spread evenly: hashes with a secret seed.
    pub(crate) fn get(&self, key: u128) -> Option<[u8; SIGNATURE]> {
        self.set(key).iter().find_map(|place| place.get(key))
    }

    /// Remembers one, in place of another one if there is no place left.
    pub(crate) fn put(&self, key: u128, signature: &[u8; SIGNATURE]) {
        let set = self.set(key);
        // What is written already, perhaps by another thread a moment ago.
        if set
            .iter()
            .any(|place| !place.is_empty() && place.holds(key))
        {
            return;
        }
        let empty = set.iter().find(|place| place.is_empty());
        // As good as chance: no part of the key that chose the set.
        let any = || set.get((key >> 120) as usize % set.len());
        if let Some(place) = empty.or_else(any) {
            place.put(key, signature);
        }
    }

    fn set(&self, key: u128) -> &[Place] {
        let sets = self.places.len() / WAYS;
        let at = (key as usize & (sets - 1)) * WAYS;
        self.places.get(at..at + WAYS).unwrap_or_default()
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        self.version.load(Ordering::Relaxed) == 0
    }

    fn holds(&self, key: u128) -> bool {
        let [high, low] = halves(key);
        self.key[0].load(Ordering::Relaxed) == high && self.key[1].load(Ordering::Relaxed) == low
    }

    fn get(&self, key: u128) -> Option<[u8; SIGNATURE]> {
        let before = self.version.load(Ordering::Acquire);
        if before == 0 || !before.is_multiple_of(2) || !self.holds(key) {
            return None;
        }
        let mut signature = [0; SIGNATURE];
        for (to, from) in signature.chunks_exact_mut(8).zip(&self.signature) {
            to.copy_from_slice(&from.load(Ordering::Relaxed).to_ne_bytes());
        }
        // What was read comes before the second look at the version.
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == before).then_some(signature)
    }

    fn put(&self, key: u128, signature: &[u8; SIGNATURE]) {
        let before = self.version.load(Ordering::Relaxed);
        let mine = before.is_multiple_of(2)
            && self
                .version
                .compare_exchange(before, before + 1, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !mine {
            return;
        }
        // The odd version is seen before anything that follows.
        fence(Ordering::Release);
        let [high, low] = halves(key);
        self.key[0].store(high, Ordering::Relaxed);
        self.key[1].store(low, Ordering::Relaxed);
        for (to, from) in self.signature.iter().zip(signature.chunks_exact(8)) {
            let word = from.try_into().map_or(0, u64::from_ne_bytes);
            to.store(word, Ordering::Relaxed);
        }
        self.version.store(before + 2, Ordering::Release);
    }
}

fn halves(key: u128) -> [u64; 2] {
    [(key >> 64) as u64, key as u64]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Each word tells of the key.
    fn signature(key: u128) -> [u8; SIGNATURE] {
        let mut out = [0; SIGNATURE];
        for chunk in out.chunks_exact_mut(8) {
            chunk.copy_from_slice(&(key as u64).to_ne_bytes());
        }
        out
    }

    #[test]
    fn what_was_put_is_found_and_memory_stays_bounded() {
        let cache = Cache::new(64);
        assert_eq!(cache.get(7), None);
        cache.put(7, &signature(7));
        assert_eq!(cache.get(7), Some(signature(7)));
        for key in 0..100_000_u128 {
            let key = key.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            cache.put(key, &signature(key));
            assert_eq!(cache.get(key), Some(signature(key)));
        }
        assert_eq!(cache.places.len(), 64);
    }

    #[test]
    fn nobody_reads_half_of_one() {
        let cache = Cache::new(4);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..2_u128 {
                let (cache, stop) = (&cache, &stop);
                scope.spawn(move || {
                    let mut key = writer;
                    while !stop.load(Ordering::Relaxed) {
                        // Few keys, so that they meet; all in one set.
                        key = (key + 1) % 8;
                        let key = key << 117 | key;
                        cache.put(key, &signature(key));
                    }
                });
            }
            for round in 0..400_000_u128 {
                let key = round % 8;
                let key = key << 117 | key;
                if let Some(read) = cache.get(key) {
                    assert_eq!(read, signature(key));
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
