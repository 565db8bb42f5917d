//! The bodies of the fuzz targets, on bytes that are the same at each run.

mod bodies;
mod input;
mod origin;
mod reference;

use bodies::Tally;

/// Seeds of one run; each is one input. A few seconds.
const RUNS: u64 = 10_000;

/// A run of bytes that follows from its number alone.
struct Bytes(u64);

impl Bytes {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// The same with some bytes changed, or cut off, or said twice.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.next() % 4 {
            let at = self.next() as usize % bytes.len().max(1);
            match self.next() % 3 {
                0 => bytes.truncate(at),
                1 => bytes.extend_from_within(at.min(bytes.len())..),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.next() as u8;
                    }
                }
            }
        }
        bytes
    }
}

/// Random bytes, and mutations of them.
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    (0..RUNS).flat_map(|seed| {
        let mut bytes = Bytes(seed);
        let length = bytes.next() as usize % 400;
        let first = bytes.take(length);
        let second = bytes.mutate(&first);
        [first, second]
    })
}

#[test]
fn fields_of_all_kinds_are_taken() {
    inputs().for_each(|bytes| bodies::fields(&bytes));
}

#[test]
fn sequences_keep_every_invariant_and_reach_every_outcome() {
    let mut sum = Tally::default();
    for bytes in inputs() {
        let tally = bodies::sequence(&bytes);
        sum.stored += tally.stored;
        sum.served += tally.served;
        sum.not_modified += tally.not_modified;
        sum.partial += tally.partial;
        sum.freshened += tally.freshened;
        sum.combined += tally.combined;
        sum.stale += tally.stale;
    }
    let Tally {
        stored,
        served,
        not_modified,
        partial,
        freshened,
        combined,
        stale,
    } = sum;
    for count in [
        stored,
        served,
        not_modified,
        partial,
        freshened,
        combined,
        stale,
    ] {
        assert!(count > 20, "{sum:?}");
    }
}
