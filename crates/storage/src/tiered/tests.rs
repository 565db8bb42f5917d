//! Where the two tiers meet. What every store does is in the battery.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::Tiered;
use crate::{
    Body, Disk, Memory, MemoryConfig, Purge, Store, Stored, Target,
    body::{Extent, Extents, Medium, Spooled, Whole},
    disk::tests::{
        kit::{Machine, bytes, etag, head, key, lookup, read, store, wait},
        lives::{self, OnDisk},
    },
};

fn start(machine: &Machine) -> Tiered {
    let memory = MemoryConfig {
        capacity: 8 << 20,
        max_object_share: 0.25,
        fill_bytes: 4 << 20,
        ..MemoryConfig::default()
    };
    let disk = machine.start();
    let memory = Memory::new(memory, Arc::clone(disk.purges()));
    Tiered::over(memory, disk)
}

/// On a disk that may still be looking for what it has, under so little memory that larger bodies
/// go to it as they come.
fn start_small(machine: &Machine) -> Tiered {
    let memory = MemoryConfig {
        capacity: 2 << 20,
        max_object_share: 0.25,
        // What waits for the disk counts.
        fill_bytes: 64 << 20,
        ..MemoryConfig::default()
    };
    let disk = machine.start_cold();
    let memory = Memory::new(memory, Arc::clone(disk.purges()));
    Tiered::over(memory, disk)
}

impl OnDisk for Tiered {
    fn on_disk(&self) -> &Disk {
        self.disk()
    }

    fn evict(&self, path: &str) {
        evict(self, path);
    }
}

#[test]
fn it_agrees_with_a_map_over_restarts() {
    lives::agrees_with_a_map(start_small);
}

#[test]
fn what_is_found_was_stored_whatever_went_wrong() {
    lives::what_is_found_was_stored(start_small);
}

/// As memory does it to make room.
fn evict(store: &Tiered, path: &str) {
    let now = store.purges().now();
    let memory = store.both.memory();
    memory.change(&key(path), now, 0, |_| Some(Vec::new()));
}

/// What is in memory.
fn above(store: &Tiered, path: &str) -> Vec<Stored> {
    store.both.memory().peek(&key(path))
}

fn tags(all: &[Stored]) -> Vec<String> {
    all.iter().map(etag).collect()
}

/// Waits for what goes on in the background.
async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .unwrap();
}

#[test]
fn what_memory_evicts_is_still_there_and_comes_back() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 300_000);
    assert!(store(&tiered, "/a", head("en", "one", body.len()), &body));
    evict(&tiered, "/a");
    let found = lookup(&tiered, "/a");
    assert_eq!(tags(&found), ["one"]);
    assert_eq!(read(&found[0]).unwrap(), body);
    assert_eq!(tags(&above(&tiered, "/a")), ["one"]);
}

#[test]
fn a_restart_brings_heads_at_once_and_bytes_when_they_are_asked_for_again() {
    let machine = Machine::new(64 << 20);
    let body = bytes(1, 300_000);
    {
        let tiered = start(&machine);
        assert!(store(&tiered, "/a", head("en", "one", body.len()), &body));
        tiered.disk().flush();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let tiered = start(&machine);
    assert_eq!(tiered.stats().keys, 0);
    runtime.block_on(async {
        let first = tiered.lookup(&key("/a")).get().await;
        assert_eq!(tags(&first), ["one"]);
        let cold = above(&tiered, "/a");
        assert!(cold[0].body.is_cold(), "a scan brings no bytes");
        assert!(tiered.stats().bytes < 100_000, "{:?}", tiered.stats());
        tiered.lookup(&key("/a")).get().await;
        until(|| {
            above(&tiered, "/a")
                .iter()
                .all(|stored| !stored.body.is_cold())
        })
        .await;
        // Who brought them lets go of them a moment later.
        until(|| tiered.stats().filling_bytes == 0).await;
    });
    assert!(tiered.stats().bytes > 300_000, "{:?}", tiered.stats());
    let warm = lookup(&tiered, "/a");
    assert_eq!(read(&warm[0]).unwrap(), body);
    let disk = tiered.stats().disk.unwrap();
    assert_eq!(disk.hits, 1);
}

#[test]
fn memory_has_all_of_a_key_or_nothing() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 1000);
    assert!(store(&tiered, "/a", head("en", "one", 1000), &body));
    evict(&tiered, "/a");
    // Put while memory does not know of the other variant.
    assert!(store(&tiered, "/a", head("de", "two", 1000), &body));
    assert_eq!(tags(&lookup(&tiered, "/a")), ["two", "one"]);
    assert_eq!(tags(&above(&tiered, "/a")), ["two", "one"]);
    assert!(store(&tiered, "/a", head("fr", "three", 1000), &body));
    assert_eq!(tags(&above(&tiered, "/a")), ["three", "two", "one"]);
    evict(&tiered, "/a");
    assert_eq!(tags(&lookup(&tiered, "/a")), ["three", "two", "one"]);
}

#[test]
fn a_change_reaches_both_tiers_wherever_it_was_found() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 1000);
    for is_evicted in [false, true] {
        assert!(store(&tiered, "/a", head("en", "one", 1000), &body));
        assert!(store(&tiered, "/a", head("de", "two", 1000), &body));
        let found = lookup(&tiered, "/a");
        assert_eq!(tags(&found), ["two", "one"]);
        if is_evicted {
            evict(&tiered, "/a");
        }
        let new = found[1].freshened(head("en", "fresh", 1000), tiered.purges().now());
        wait(tiered.freshen(&key("/a"), &found[1], new).get());
        assert_eq!(tags(&lookup(&tiered, "/a")), ["fresh", "two"]);
        evict(&tiered, "/a");
        let found = lookup(&tiered, "/a");
        assert_eq!(tags(&found), ["fresh", "two"]);
        assert_eq!(read(&found[0]).unwrap(), body);
        if is_evicted {
            evict(&tiered, "/a");
        }
        wait(tiered.remove(&key("/a"), &found[0]).get());
        assert_eq!(tags(&lookup(&tiered, "/a")), ["two"]);
        evict(&tiered, "/a");
        assert_eq!(tags(&lookup(&tiered, "/a")), ["two"]);
        let found = lookup(&tiered, "/a");
        wait(tiered.remove(&key("/a"), &found[0]).get());
        assert!(lookup(&tiered, "/a").is_empty());
        evict(&tiered, "/a");
        assert!(lookup(&tiered, "/a").is_empty());
    }
}

#[test]
fn what_was_read_before_a_change_does_not_come_into_memory_after_it() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 1000);
    assert!(store(&tiered, "/a", head("en", "old", 1000), &body));
    evict(&tiered, "/a");
    let both = &tiered.both;
    let (since, checked) = (both.locks.moment(&key("/a")), both.purges().now());
    let read = wait(both.disk().lookup(&key("/a")).get());
    assert!(store(&tiered, "/a", head("en", "new", 1000), &body));
    evict(&tiered, "/a");
    both.promote(&key("/a"), &read, since, checked);
    assert!(above(&tiered, "/a").is_empty());
    assert_eq!(tags(&lookup(&tiered, "/a")), ["new"]);
}

#[test]
fn what_was_read_before_a_purge_is_gone_after_it() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 1000);
    for target in [Target::Key(key("/a")), Target::Everything] {
        assert!(store(&tiered, "/a", head("en", "old", 1000), &body));
        evict(&tiered, "/a");
        let both = &tiered.both;
        let (since, checked) = (both.locks.moment(&key("/a")), both.purges().now());
        let read = wait(both.disk().lookup(&key("/a")).get());
        let purge = Purge::hard(target);
        wait(tiered.purge(&purge, SystemTime::now()).get());
        both.promote(&key("/a"), &read, since, checked);
        assert!(lookup(&tiered, "/a").is_empty());
    }
}

#[test]
fn a_purge_of_one_key_tells_whether_it_was_there_in_either_tier() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let purge = |path: &str| {
        let purge = Purge::key(key(path));
        wait(tiered.purge(&purge, SystemTime::now()).get()).keys
    };
    assert!(store(&tiered, "/a", head("en", "one", 10), &bytes(1, 10)));
    assert_eq!(purge("/a"), Some(1));
    assert_eq!(purge("/a"), Some(0));
    assert!(store(&tiered, "/a", head("en", "one", 10), &bytes(1, 10)));
    evict(&tiered, "/a");
    assert_eq!(purge("/a"), Some(1));
    assert_eq!(purge("/a"), Some(0));
}

/// A file that was removed takes its room until nobody holds it: so memory must not.
#[test]
fn memory_holds_nothing_of_a_segment_that_is_gone() {
    let machine = Machine::new(16 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 300_000);
    assert!(store(
        &tiered,
        "/first",
        head("en", "first", body.len()),
        &body
    ));
    tiered.disk().flush();
    evict(&tiered, "/first");
    let found = lookup(&tiered, "/first");
    assert!(found[0].body.is_cold());
    for n in 0..80 {
        let path = format!("/{n}");
        store(
            &tiered,
            &path,
            head("en", "filler", body.len()),
            &bytes(n, 300_000),
        );
        tiered.disk().flush();
        evict(&tiered, &path);
    }
    assert!(tiered.stats().disk.unwrap().segments_evicted > 0);
    // It was not asked for again, so it is not written anew.
    assert_eq!(tags(&above(&tiered, "/first")), [] as [&str; 0]);
}

#[test]
fn what_is_asked_for_in_memory_stays_on_disk() {
    let machine = Machine::new(16 << 20);
    let body = bytes(1, 100_000);
    {
        let tiered = start(&machine);
        assert!(store(&tiered, "/hot", head("en", "hot", body.len()), &body));
        tiered.disk().flush();
        lookup(&tiered, "/hot");
        for n in 0..80 {
            let path = format!("/{n}");
            store(
                &tiered,
                &path,
                head("en", "filler", 300_000),
                &bytes(n, 300_000),
            );
            tiered.disk().flush();
            evict(&tiered, &path);
        }
        assert!(tiered.stats().disk.unwrap().segments_evicted > 0);
    }
    let tiered = start(&machine);
    let found = lookup(&tiered, "/hot");
    assert_eq!(tags(&found), ["hot"]);
    assert_eq!(read(&found[0]).unwrap(), body);
}

#[test]
fn bytes_that_the_disk_has_lost_do_not_stay_in_memory_uncounted() {
    let machine = Machine::new(64 << 20);
    let tiered = start(&machine);
    let body = bytes(1, 50_000);
    // Its stretch was lost, and what came after it was written.
    let spooled = Arc::new(Spooled::new(Whole::new(vec![body.clone()])));
    let extent = Extent::new(0, Medium::Spooled(spooled));
    let lost = Body::kept(Extents::of(vec![extent]));
    let new = Stored::new(head("en", "one", body.len()), lost, tiered.purges().now());
    assert!(tiered.both.put(&key("/a"), &new));
    tiered.disk().flush();
    assert!(above(&tiered, "/a").is_empty());
    let found = lookup(&tiered, "/a");
    assert_eq!(read(&found[0]).unwrap(), body);
    assert!(!above(&tiered, "/a")[0].body.is_unwritten());
}
