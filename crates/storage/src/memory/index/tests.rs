//! The index beside a plain map, and who goes.

use std::collections::HashMap;

use perigee_http_cache::Scheme;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::memory::held::tests::stored;

const START: Revision = Revision::new(0);

fn key(n: u64) -> CacheKey {
    CacheKey::new(Scheme::Http, "a.test", &format!("/{n}"))
}

fn put(index: &Index, n: u64, length: usize) -> Outcome {
    index.change(&key(n), START, 0, |_, _| Some(vec![stored(length)]))
}

/// What it says it holds is what it holds.
fn check(index: &Index) {
    let (mut bytes, mut keys) = (0, 0);
    for shard in &index.shards {
        let shard = lock(shard);
        bytes += shard.weight();
        keys += shard.entries().count() as u64;
        let held: u64 = shard.entries().map(|found| found.weight()).sum();
        assert!(held <= shard.weight());
    }
    assert_eq!((index.bytes(), index.keys()), (bytes, keys));
    assert!(bytes <= index.capacity, "{bytes} of {}", index.capacity);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u64, usize),
    Get(u64),
    Remove(u64),
    Nothing(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0..60_u64;
    let length = prop_oneof![0..2000_usize, 0..200_000_usize];
    let step = prop_oneof![
        4 => (n.clone(), length).prop_map(|(n, length)| Step::Put(n, length)),
        4 => n.clone().prop_map(Step::Get),
        1 => n.clone().prop_map(Step::Remove),
        1 => n.prop_map(Step::Nothing),
    ];
    vec(step, 1..300)
}

/// The newcomer goes first, being drawn itself, and that is not enough.
#[test]
fn the_others_go_too_if_the_newcomer_was_not_enough() {
    let index = Index::new(300_000, 0, 1_303_086_218_545_022_278);
    for (n, length) in [
        (4, 118_225),
        (10, 79_036),
        (11, 1_962),
        (12, 1_825),
        (13, 1_974),
        (39, 118_480),
        (54, 784),
        (36, 49_249),
        (41, 38_371),
        (3, 143_487),
    ] {
        put(&index, n, length);
        check(&index);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A map that drops what the index says it has evicted has what the index has; and the bytes
    /// are those of what is there, never more than they may be.
    #[test]
    fn agrees_with_a_map(
        steps in steps(),
        seed in any::<u64>(),
        capacity in prop_oneof![Just(300_000_u64), Just(3 << 20), Just(40 << 20)],
    ) {
        let index = Index::new(capacity, 0, seed);
        let mut map: HashMap<CacheKey, usize> = HashMap::new();
        let length = |held: Held| {
            let mut all = held.unpack();
            all.next().unwrap().body.length().unwrap() as usize
        };
        for step in steps {
            match step {
                Step::Put(n, bytes) => {
                    let outcome = put(&index, n, bytes);
                    prop_assert!(outcome.is_changed);
                    let was_there = map.insert(key(n), bytes).is_some();
                    prop_assert_eq!(outcome.replaced.is_some(), was_there);
                    let before = map.len();
                    map.retain(|key, _| index.look(key, |_| ()).is_some());
                    prop_assert_eq!(before - map.len(), outcome.evicted.len());
                    for (key, bytes) in &map {
                        let held = index.look(key, |found| found.held()).unwrap();
                        prop_assert_eq!(length(held), *bytes);
                    }
                }
                Step::Get(n) => {
                    let found = index.get(&key(n)).map(|(found, _)| length(found));
                    prop_assert_eq!(found, map.get(&key(n)).copied());
                }
                Step::Remove(n) => {
                    let outcome = index.change(&key(n), START, 0, |_, _| Some(Vec::new()));
                    prop_assert_eq!(outcome.replaced.is_some(), map.remove(&key(n)).is_some());
                }
                Step::Nothing(n) => {
                    let same = index.change(&key(n), START, 0, |_, _| None::<Vec<_>>);
                    prop_assert!(!same.is_changed);
                }
            }
            check(&index);
        }
    }
}

#[test]
fn what_is_taken_elsewhere_is_not_taken_here() {
    let index = Index::new(4 << 20, 0, 1);
    for n in 0..1000 {
        index.change(&key(n), START, 1 << 20, |_, _| Some(vec![stored(10_000)]));
        assert!(index.bytes() <= 3 << 20);
    }
    assert!(index.bytes() > (3 << 20) - 20_000);
    index.change(&key(0), START, u64::MAX, |_, _| Some(vec![stored(10_000)]));
    assert!(index.bytes() <= 2 << 20 && index.bytes() > (2 << 20) - 20_000);
}

#[test]
fn a_scan_passes_through() {
    let index = Index::new(4 << 20, 0, 1);
    for round in 0..4 {
        for n in 0..200 {
            if round == 0 || index.get(&key(n)).is_none() {
                put(&index, n, 10_000);
            }
        }
    }
    for n in 1000..3000 {
        assert!(index.get(&key(n)).is_none());
        put(&index, n, 10_000);
    }
    let left = (0..200).filter(|n| index.get(&key(*n)).is_some()).count();
    assert!(left >= 199, "{left} of 200 are left");
}

#[test]
fn what_was_turned_away_gets_in_when_it_is_asked_for_again() {
    let index = Index::new(4 << 20, 0, 1);
    for _ in 0..4 {
        for n in 0..400 {
            if index.get(&key(n)).is_none() {
                put(&index, n, 9000);
            }
        }
    }
    let large = key(5000);
    let mut asked = 0;
    while index.get(&large).is_none() {
        put(&index, 5000, 1 << 20);
        asked += 1;
        assert!(asked < 100, "it never gets in");
    }
    assert!(asked > 1, "among what was asked for more often");
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let run = |seed| {
        let index = Index::new(1 << 20, 0, seed);
        for n in 0..2000 {
            index.get(&key(n % 300));
            put(&index, n % 300, 500 * (n as usize % 20));
        }
        let held = (0..300).filter(|n| index.get(&key(*n)).is_some());
        held.collect::<Vec<_>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn an_emptied_index_gives_its_memory_back() {
    let index = Index::new(64 << 20, 0, 1);
    let empty = index.bytes();
    for n in 0..10_000 {
        put(&index, n, 10);
    }
    assert_eq!(index.keys(), 10_000);
    let full = index.bytes();
    for n in 0..10_000 {
        index.change(&key(n), START, 0, |_, _| Some(Vec::new()));
    }
    check(&index);
    assert_eq!(index.keys(), 0);
    assert!(index.bytes() - empty < (full - empty) / 100);
}

#[test]
fn threads_keep_it_within_bounds_together() {
    let index = Index::new(16 << 20, 0, 1);
    let one = Held::pack("", &[stored(100_000)]).unwrap().weight();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let index = &index;
            scope.spawn(move || {
                for n in 0..2000 {
                    let n = n * (thread + 1) % 500;
                    if index.get(&key(n)).is_none() {
                        put(index, n, 100_000);
                        // Each of the others may have put in one, and not yet made room for it.
                        let slack = 3 * one + (64 << 10);
                        assert!(index.bytes() <= index.capacity + slack);
                    }
                }
            });
        }
    });
    check(&index);
}
