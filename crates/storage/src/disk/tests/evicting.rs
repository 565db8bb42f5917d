//! What stays when a segment has to go.

use super::kit::*;
use crate::{Disk, Store, disk::log::Place};

const LENGTH: usize = 30_000;

/// Fills half of the store with what nobody asks for.
fn fill_up(disk: &Disk, round: usize) {
    for n in 0..20 {
        let path = format!("/cold/{round}/{n}");
        store_cold(disk, &path);
    }
    disk.flush();
}

fn store_cold(disk: &Disk, path: &str) {
    let asked = disk.purges().now();
    let body = bytes(9, LENGTH);
    let mut fill = disk.fill(
        &key(path),
        head("en", "cold", LENGTH),
        Some(LENGTH as u64),
        asked,
    );
    wait(fill.write(body)).unwrap();
    fill.commit().unwrap();
}

#[test]
fn what_is_asked_for_stays_and_the_rest_goes() {
    for length in [1000, LENGTH, 60_000] {
        let machine = Machine::new(1 << 20);
        let disk = machine.start();
        for path in ["/hot", "/touched", "/cold"] {
            store(&disk, path, head("en", "a", length), &bytes(1, length));
        }
        disk.flush();
        for round in 0..5 {
            assert_eq!(lookup(&disk, "/hot").len(), 1, "{length} {round}");
            disk.touch(&key("/touched"));
            fill_up(&disk, round);
        }
        for path in ["/hot", "/touched"] {
            let stored = lookup(&disk, path);
            assert!(
                read(&stored[0]).unwrap() == bytes(1, length),
                "{path} {length}"
            );
        }
        assert!(lookup(&disk, "/cold").is_empty());
        let stats = disk.stats();
        assert!(
            stats.bytes <= machine.config.capacity && stats.evicted > 0,
            "{stats:?}"
        );
        // And a restart finds the same.
        drop(disk);
        let disk = machine.start();
        assert_eq!(lookup(&disk, "/hot").len(), 1);
        assert!(lookup(&disk, "/cold").is_empty());
    }
}

#[test]
fn bytes_whose_state_is_newer_stay_with_it() {
    let length = 90_000;
    let machine = Machine::new(1 << 20);
    let disk = machine.start();
    store(&disk, "/", head("en", "a", length), &bytes(1, length));
    for round in 0..8 {
        // Its state is written anew each time, its body is not.
        let old = lookup(&disk, "/")[0].clone();
        let new = old.freshened(head("en", "a", length), disk.purges().now());
        wait(disk.freshen(&key("/"), &old, new).get());
        for n in 0..9 {
            store_cold(&disk, &format!("/{round}/{n}"));
            disk.flush();
            disk.touch(&key("/"));
        }
        let stored = lookup(&disk, "/");
        assert_eq!(stored.len(), 1, "{round}");
        assert!(read(&stored[0]).unwrap() == bytes(1, length), "{round}");
    }
}

#[test]
fn a_body_with_a_hole_is_not_taken_for_a_whole_one() {
    let machine = Machine::new(1 << 20);
    let disk = machine.start();
    // Two segments have some of it.
    let length = 300_000;
    store(&disk, "/", head("en", "a", length), &bytes(1, length));
    disk.flush();
    let shared = disk.shared();
    let first = Place {
        segment: 1,
        offset: 0,
    };
    let mut n = 0;
    while shared.log.has(first) {
        store_cold(&disk, &format!("/{n}"));
        disk.flush();
        n += 1;
    }
    assert!(shared.index.peek(key("/").stable_hash()).is_some());
    let stored = lookup(&disk, "/");
    let (head, body) = (&stored[0].head, &stored[0].body);
    assert_eq!(head.status, 206);
    let held = head.held().unwrap().runs().to_vec();
    assert_eq!(held.len(), 1);
    assert!(held[0].start > 0 && held[0].end == length as u64);
    assert!(read(&stored[0]).unwrap() == bytes(1, length)[held[0].start as usize..]);
    assert_eq!(body.length(), Some(held[0].end - held[0].start));
    // What lacks is put in front of it.
    let front = bytes(1, length).slice(..held[0].start as usize);
    let part = head_of_part(&front, length);
    assert!(store(&disk, "/", part, &front));
    disk.flush();
    let stored = lookup(&disk, "/");
    assert_eq!((stored.len(), stored[0].head.status.as_u16()), (1, 200));
    assert!(read(&stored[0]).unwrap() == bytes(1, length));
}

/// A head of the first bytes of a body that broke off.
fn head_of_part(
    front: &bytes::Bytes,
    length: usize,
) -> std::sync::Arc<perigee_http_cache::StoredHead> {
    let part = head("en", "a", length).cut_short(front.len() as u64);
    part.unwrap().into()
}

#[test]
fn so_much_is_readmitted_and_no_more() {
    let mut machine = Machine::new(1 << 20);
    machine.config.readmit_share = 0.2;
    let disk = machine.start();
    for round in 0..6 {
        fill_up(&disk, round);
        // All of it is asked for.
        for (round, n) in (0..=round).flat_map(|r| (0..20).map(move |n| (r, n))) {
            lookup(&disk, &format!("/cold/{round}/{n}"));
        }
    }
    let state = disk.shared().log.state();
    assert!(state.readmitted > 0);
    assert!(state.readmitted * 4 < state.written, "{state:?}");
}
