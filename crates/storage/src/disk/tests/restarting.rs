//! What is there after a restart.

use std::{sync::Arc, time::SystemTime};

use super::kit::*;
use crate::{Ask, Only, Purge, ReadError, Store, Target, disk::log::tests::ram::Faults};

/// From what is written with its head to what takes several records.
const LENGTHS: [usize; 8] = [
    0,
    1,
    1000,
    20_000,
    64 << 10,
    (64 << 10) + 1,
    1 << 20,
    (3 << 20) + 7,
];

#[test]
fn a_restart_finds_all() {
    let machine = Machine::new(64 << 20);
    let path = |length: usize| format!("/{length}");
    let check = |disk: &crate::Disk| {
        for length in LENGTHS {
            let variants = lookup(disk, &path(length));
            let marks: Vec<_> = variants.iter().map(etag).collect();
            assert_eq!(marks, ["b", "a"], "{length}");
            for (stored, seed) in variants.iter().zip([2, 1]) {
                assert!(read(stored).unwrap() == bytes(seed, length), "{length}");
            }
        }
        assert_eq!(disk.stats().keys, LENGTHS.len() as u64);
    };
    let disk = machine.start();
    for length in LENGTHS {
        for (language, etag, seed) in [("en", "a", 1), ("de", "b", 2)] {
            let head = head(language, etag, length);
            assert!(store(&disk, &path(length), head, &bytes(seed, length)));
        }
    }
    check(&disk);
    disk.flush();
    check(&disk);
    drop(disk);
    for _ in 0..2 {
        let disk = machine.start();
        check(&disk);
    }
    let uncached = Faults {
        uncached: true,
        ..Faults::default()
    };
    machine.ram.set(uncached);
    check(&machine.start());
}

#[test]
fn what_has_become_of_it_is_found() {
    for length in LENGTHS {
        let machine = Machine::new(64 << 20);
        let disk = machine.start();
        for etag in ["fresh", "gone"] {
            let (path, body) = (format!("/{etag}"), bytes(1, length));
            store(&disk, &path, head("en", etag, length), &body);
            store(&disk, &path, head("de", "other", length), &body);
        }
        drop(disk);
        let disk = machine.start();
        let old = lookup(&disk, "/fresh")[1].clone();
        let new = old.freshened(head("en", "fresher", length), disk.purges().now());
        wait(disk.freshen(&key("/fresh"), &old, new.clone()).get());
        for old in lookup(&disk, "/gone").iter() {
            wait(disk.remove(&key("/gone"), old).get());
        }
        for _ in 0..3 {
            assert!(lookup(&disk, "/gone").is_empty());
            let fresh = lookup(&disk, "/fresh");
            assert_eq!(fresh.len(), 2);
            assert_eq!(
                (etag(&fresh[0]), fresh[0].id),
                ("fresher".to_owned(), new.id)
            );
            assert!(read(&fresh[0]).unwrap() == bytes(1, length), "{length}");
            disk.flush();
        }
        drop(disk);
        let disk = machine.start();
        assert!(lookup(&disk, "/gone").is_empty());
        let fresh = lookup(&disk, "/fresh");
        assert_eq!((fresh.len(), fresh[0].id), (2, new.id));
        assert!(read(&fresh[0]).unwrap() == bytes(1, length), "{length}");
    }
}

#[test]
fn what_was_purged_does_not_come_back() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    for path in ["/tag", "/key", "/soft", "/stays"] {
        let etag = path.trim_start_matches('/');
        store(&disk, path, head("en", etag, 100), &bytes(1, 100));
    }
    disk.flush();
    let tag = |tag: &str| Target::Tag {
        host: None,
        tag: tag.into(),
    };
    let now = SystemTime::now();
    for purge in [
        Purge::hard(tag("tag")),
        Purge::key(key("/key")),
        Purge::soft(tag("soft")),
    ] {
        wait(disk.purge(&purge, now).get());
    }
    let check = |disk: &crate::Disk| {
        assert!(lookup(disk, "/tag").is_empty() && lookup(disk, "/key").is_empty());
        let ttl = |path| lookup(disk, path)[0].head.ttl(now);
        assert!(ttl("/soft") <= 0 && ttl("/stays") > 0);
    };
    check(&disk);
    drop(disk);
    // While it is loading, too.
    let disk = machine.start_cold();
    assert!(lookup(&disk, "/tag").is_empty() && lookup(&disk, "/key").is_empty());
    drop(disk);
    check(&machine.start());
}

#[test]
fn all_that_was_purged_is_not_even_loaded() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    store(&disk, "/", head("en", "a", 100), &bytes(1, 100));
    wait(
        disk.purge(&Purge::hard(Target::Everything), SystemTime::now())
            .get(),
    );
    assert!(lookup(&disk, "/").is_empty());
    store(&disk, "/new", head("en", "a", 100), &bytes(1, 100));
    drop(disk);
    let disk = machine.start();
    assert_eq!(disk.stats().keys, 1);
    assert_eq!(lookup(&disk, "/new").len(), 1);
}

#[test]
fn who_is_told_that_all_is_loaded_finds_it() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    for n in 0..500 {
        store(
            &disk,
            &format!("/{n}"),
            head("en", "a", 100),
            &bytes(1, 100),
        );
    }
    drop(disk);
    for _ in 0..20 {
        let disk = machine.start_cold();
        // Nothing waits for it, and what is found is right.
        let early = lookup(&disk, "/0");
        assert!(early.iter().all(|stored| etag(stored) == "a"));
        while disk.stats().disk.unwrap().loaded() < 1.0 {
            std::thread::yield_now();
        }
        for n in 0..500 {
            assert_eq!(lookup(&disk, &format!("/{n}")).len(), 1, "{n}");
        }
    }
}

#[test]
fn what_is_removed_while_it_loads_does_not_come_back() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    store(&disk, "/", head("en", "a", 100), &bytes(1, 100));
    let old = lookup(&disk, "/")[0].clone();
    drop(disk);
    let disk = machine.start_cold();
    // Known to memory above, say, though the disk may not have found it yet.
    wait(disk.remove(&key("/"), &old).get());
    disk.flush();
    while disk.is_loading() {
        std::thread::yield_now();
    }
    let is_there = !lookup(&disk, "/").is_empty();
    drop(disk);
    assert!(!is_there);
    assert!(lookup(&machine.start(), "/").is_empty());
}

#[test]
fn a_key_of_the_same_hash_is_not_taken_for_another() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    store(&disk, "/a", head("en", "a", 100), &bytes(1, 100));
    disk.flush();
    let (a, b) = (key("/a").stable_hash(), key("/b").stable_hash());
    let (at, _) = disk.shared().index.peek(a).unwrap();
    disk.shared().index.insert(b, at);
    assert!(lookup(&disk, "/b").is_empty());
    assert_eq!(lookup(&disk, "/a").len(), 1);
    // The newer takes its place.
    assert!(store(&disk, "/b", head("en", "b", 100), &bytes(2, 100)));
    disk.flush();
    assert_eq!(etag(&lookup(&disk, "/b")[0]), "b");
}

#[test]
fn what_is_damaged_is_dropped_and_counted() {
    for (length, is_head) in [
        (1000, true),
        (1000, false),
        (200_000, true),
        (200_000, false),
    ] {
        let machine = Machine::new(64 << 20);
        let disk = machine.start();
        store(&disk, "/", head("en", "a", length), &bytes(1, length));
        disk.flush();
        let (at, _) = disk.shared().index.peek(key("/").stable_hash()).unwrap();
        let kept = lookup(&disk, "/");
        machine.ram.change(0, |segment| {
            let within = match is_head {
                true => 70,
                false => at.length as usize - 200,
            };
            segment[at.place.offset as usize + within] ^= 1;
        });
        let found = lookup(&disk, "/");
        if is_head || length < 64 << 10 {
            assert!(found.is_empty());
            assert_eq!(disk.stats().keys, 0);
            assert_eq!(disk.stats().disk.unwrap().damaged, 1);
        } else {
            assert_eq!(read(&found[0]), Err(ReadError::Damaged));
        }
        if length < 64 << 10 {
            // It came with its head, before the damage.
            assert!(read(&kept[0]).unwrap() == bytes(1, length));
        }
    }
}

#[test]
fn a_listing_shows_what_is_on_disk_and_on_its_way() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    let all: Vec<String> = (0..50).map(|n| format!("/{n}")).collect();
    for (n, path) in all.iter().enumerate() {
        store(&disk, path, head("en", "a", 100), &bytes(1, 100));
        if n == 25 {
            disk.flush();
        }
    }
    let mut ask = Ask {
        after: None,
        most: 7,
        only: Only::default(),
        now: SystemTime::now(),
    };
    let mut listed = Vec::new();
    loop {
        let page = wait(disk.list(&ask).get());
        listed.extend(
            page.entries
                .iter()
                .map(|e| e.key.path_and_query().to_owned()),
        );
        ask.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    let mut all = all;
    listed.sort();
    all.sort();
    assert_eq!(listed, all);
}

#[test]
fn what_the_disk_does_not_take_is_not_there_in_an_older_form() {
    let mut machine = Machine::new(64 << 20);
    machine.config.write_queue = 200_000;
    let disk = machine.start();
    assert!(store(&disk, "/", head("en", "old", 100), &bytes(1, 100)));
    disk.flush();
    let large = head("en", "new", 1_000_000);
    assert!(!store(&disk, "/", large, &bytes(2, 1_000_000)));
    assert!(lookup(&disk, "/").is_empty());
    assert_eq!(disk.shared().pending.keys(), 0);
}

#[test]
fn a_store_that_is_dropped_leaves_nothing_behind() {
    let machine = Machine::new(64 << 20);
    let disk = machine.start();
    store(&disk, "/", head("en", "a", 100), &bytes(1, 100));
    let weak = Arc::downgrade(disk.shared());
    drop(disk);
    assert!(weak.upgrade().is_none());
}
