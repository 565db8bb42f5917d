//! What a signer remembers, whatever its keys are.

use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

use crate::dnssec::{
    budget::Budget,
    cache::Cache,
    canonical::{FIXED, Set},
    config::DnssecConfig,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    per_second: u32,
    cached: usize,
}

impl Limits {
    pub(super) fn of(config: &DnssecConfig) -> Self {
        Limits {
            per_second: config.max_signatures_per_second,
            cached: config.max_cached_signatures,
        }
    }
}

/// What outlives a change of keys, for it holds for any.
pub(super) struct Memory {
    pub(super) limits: Limits,
    /// What is asked for again and again: the zone's own names.
    pub(super) lasting: Cache,
    /// What may be asked for once: names that are not there, or only by a wildcard. However many, they
    /// drive nothing else out.
    pub(super) passing: Cache,
    pub(super) budget: Budget,
    /// So that names of two sets with one key are hard to find. Those who find some spoil the answers for
    /// these names alone: what askers think of is remembered apart.
    seed: u64,
}

impl Memory {
    pub(super) fn new(limits: Limits) -> Self {
        let half = limits.cached / 2;
        Memory {
            limits,
            lasting: Cache::new(half),
            passing: Cache::new(half),
            budget: Budget::new(limits.per_second),
            seed: fastrand::u64(..),
        }
    }

    /// What a signature is remembered by: all that it depends on. The beginning of RRSIG names the
    /// key, the times, the type and the TTL.
    pub(super) fn key(&self, fixed: &[u8; FIXED], set: &Set<'_>) -> u128 {
        let rdata: usize = set.rdata.iter().map(|data| 2 + data.len()).sum();
        let mut buffer = [0_u8; 512];
        let mut at = 0;
        let parts = |put: &mut dyn FnMut(&[u8])| {
            put(fixed);
            put(set.owner);
            for data in set.rdata {
                put(&(data.len() as u16).to_be_bytes());
                put(data);
            }
        };
        if FIXED + set.owner.len() + rdata > buffer.len() {
            let mut hash = Xxh3::with_seed(self.seed);
            parts(&mut |part| hash.update(part));
            return hash.digest128();
        }
        parts(&mut |part| {
            if let Some(to) = buffer.get_mut(at..at + part.len()) {
                to.copy_from_slice(part);
            }
            at += part.len();
        });
        xxh3_128_with_seed(buffer.get(..at).unwrap_or_default(), self.seed)
    }
}
