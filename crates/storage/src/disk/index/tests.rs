use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn place(segment: u64, offset: u32) -> Written {
    let offset = 64 + offset * 8;
    Written {
        place: Place { segment, offset },
        length: 128,
    }
}

#[test]
fn what_is_there_already_is_newer() {
    let index = Index::new();
    index.insert(1, place(9, 0));
    assert!(!index.load(1, place(8, 0)));
    assert!(index.load(2, place(8, 1)));
    assert_eq!(index.ask(1), Some(place(9, 0)));
    assert_eq!(index.ask(2), Some(place(8, 1)));
    assert_eq!(index.ask(3), None);
}

#[test]
fn what_is_removed_while_loading_does_not_come_back() {
    let index = Index::new();
    index.insert(1, place(9, 0));
    assert!(index.remove(1));
    assert!(!index.remove(2));
    for hash in [1, 2] {
        assert!(!index.load(hash, place(8, 0)));
        assert_eq!(index.ask(hash), None);
        assert_eq!(index.peek(hash), None);
        assert!(!index.remove_at(hash, place(8, 0).place));
    }
    index.insert(2, place(9, 1));
    index.is_loaded();
    assert_eq!(index.len(), 1);
    assert!(index.remove(2) && !index.remove(2));
    assert_eq!(index.len(), 0);
}

#[test]
fn a_record_that_is_no_longer_the_newest_removes_nothing() {
    let index = Index::new();
    index.insert(1, place(9, 0));
    index.insert(1, place(9, 1));
    assert!(!index.remove_at(1, place(9, 0).place));
    assert!(index.remove_at(1, place(9, 1).place));
    assert_eq!(index.ask(1), None);
}

#[test]
fn uses_are_counted_since_the_last_write() {
    let index = Index::new();
    let uses = || index.peek(1).unwrap().1;
    index.insert(1, place(1, 0));
    assert_eq!(uses(), 0);
    index.ask(1);
    index.touch(1);
    index.touch(2);
    assert_eq!(uses(), 2);
    (0..9).for_each(|_| index.touch(1));
    assert_eq!(uses(), 3);
    index.update(1, place(2, 0));
    assert_eq!((uses(), index.ask(1)), (3, Some(place(2, 0))));
    index.insert(1, place(2, 1));
    assert_eq!(uses(), 0);
    index.update(2, place(2, 2));
    assert_eq!(index.peek(2), Some((place(2, 2), 0)));
}

#[test]
fn a_segment_too_old_to_be_told_is_not_loaded() {
    let index = Index::new();
    let newest = 3 * UNPACKED_WITHIN;
    index.insert(1, place(newest, 0));
    assert!(!index.load(2, place(newest - UNPACKED_WITHIN, 0)));
    assert!(index.load(2, place(newest - UNPACKED_WITHIN + 1, 0)));
    assert_eq!(index.ask(2), Some(place(newest - UNPACKED_WITHIN + 1, 0)));
}

#[test]
fn the_memory_of_a_key_is_small() {
    let index = Index::new();
    for hash in 0..100_000_u64 {
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        index.insert(hash, place(1, 0));
    }
    let each = index.bytes() / index.len();
    assert!((17..=39).contains(&each), "{each}");
}

proptest! {
    #[test]
    fn it_is_a_map(
        steps in prop::collection::vec((0..4_u8, 0..20_u64, 0..5_u64, 0..3_u32), 0..100),
    ) {
        let index = Index::new();
        index.is_loaded();
        let mut model = HashMap::new();
        for (what, hash, segment, offset) in steps {
            let at = place(segment, offset);
            match what {
                0 => {
                    index.insert(hash, at);
                    model.insert(hash, at);
                }
                1 => prop_assert_eq!(index.remove(hash), model.remove(&hash).is_some()),
                2 => {
                    let is_there = model.get(&hash) == Some(&at);
                    prop_assert_eq!(index.remove_at(hash, at.place), is_there);
                    model.retain(|key, _| *key != hash || !is_there);
                }
                _ => {
                    let before = model.len();
                    model.retain(|_, at| at.place.segment >= segment);
                    let gone = (before - model.len()) as u64;
                    prop_assert_eq!(index.remove_before(segment), gone);
                }
            }
            prop_assert_eq!(index.ask(hash), model.get(&hash).copied());
            prop_assert_eq!(index.len(), model.len() as u64);
        }
    }
}
