use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Bytes that tell which they are.
fn bytes(n: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (n * 31 + at) as u8).collect()
}

fn heap() -> Heap {
    Heap::new(Arc::new(Chunks::reserve(64 << 20)))
}

/// Puts what is left of a chunk elsewhere, as a shard does.
fn tidy(heap: &mut Heap, items: &mut HashMap<usize, (At, usize)>) -> bool {
    let Some(emptying) = heap.begin_emptying() else {
        return false;
    };
    for (old, left) in emptying.left() {
        let (at, length) = items.values_mut().find(|(at, _)| *at == old).unwrap();
        assert_eq!(left.len(), *length);
        *at = heap.put([left]).unwrap();
    }
    heap.emptied(emptying);
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// What was put is there until it is removed, wherever it was moved to; and what is taken is little
    /// more than that.
    #[test]
    fn what_is_put_stays_and_holes_are_few(
        steps in prop::collection::vec((0..3_u8, 0..6000_usize, any::<usize>()), 1..600),
    ) {
        let mut heap = heap();
        let mut items = HashMap::new();
        for (n, (step, length, drawn)) in steps.into_iter().enumerate() {
            if step > 0 {
                let all = bytes(n, length);
                let (front, back) = all.split_at(drawn % (length + 1));
                items.insert(n, (heap.put([front, back]).unwrap(), length));
            } else if let Some(key) = items.keys().copied().nth(drawn % (items.len() + 1)) {
                let (at, _) = items.remove(&key).unwrap();
                heap.remove(at);
                while tidy(&mut heap, &mut items) {}
                let live: usize = items.values().map(|(_, length)| room(*length)).sum();
                prop_assert_eq!(heap.live, live);
                prop_assert_eq!(heap.slabs.iter().flatten().count(), heap.count);
                let allowed = live + live / HOLES as usize;
                prop_assert!(heap.count.saturating_sub(1) * CHUNK <= allowed);
            }
        }
        for (n, (at, length)) in &items {
            prop_assert!(heap.get(*at) == bytes(*n, *length));
            heap.get_mut(*at).fill(*n as u8);
        }
        for (n, (at, length)) in &items {
            prop_assert!(heap.get(*at) == vec![*n as u8; *length]);
        }
    }
}

#[test]
fn what_is_too_long_is_not_taken() {
    let mut heap = heap();
    assert!(heap.put([&[0; MOST]]).is_none());
    assert!(heap.put([&[0; MOST - FRAME - STEP]]).is_some());
}

#[test]
fn numbers_are_used_again() {
    let mut heap = heap();
    for _ in 0..1000 {
        let items: Vec<_> = (0..100)
            .map(|n| heap.put([&bytes(n, 4000)]).unwrap())
            .collect();
        items.into_iter().for_each(|at| heap.remove(at));
        while let Some(emptying) = heap.begin_emptying() {
            assert_eq!(emptying.left().count(), 0);
            heap.emptied(emptying);
        }
    }
    assert!(heap.slabs.len() <= 8, "{}", heap.slabs.len());
}
