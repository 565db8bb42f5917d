//! What the disk did not take leaves no older state behind: not in the queue, and not after a restart.

use std::sync::{
    Arc,
    mpsc::{Sender, channel},
};

use super::kit::*;
use crate::{
    Disk, Store,
    disk::{
        log::{Keeper, tests::ram::Faults},
        readmit::Readmit,
    },
};

/// More than the queue takes.
const TOO_MUCH: usize = 1_000_000;

fn machine() -> Machine {
    let mut machine = Machine::new(64 << 20);
    machine.config.write_queue = 200_000;
    machine
}

fn put(disk: &Disk, etag: &str, length: usize) -> bool {
    store(disk, "/", head("en", etag, length), &bytes(1, length))
}

fn tags(disk: &Disk) -> Vec<String> {
    lookup(disk, "/").iter().map(etag).collect()
}

/// Nothing is written until this is dropped.
fn hold(disk: &Disk) -> Sender<()> {
    let (held, until) = channel();
    disk.shared().log.tell(Box::new(move || {
        let _ = until.recv();
    }));
    held
}

#[test]
fn what_waits_does_not_overtake_what_was_not_taken() {
    let machine = machine();
    let disk = machine.start();
    let held = hold(&disk);
    assert!(put(&disk, "old", 100));
    assert!(!put(&disk, "new", TOO_MUCH));
    assert!(tags(&disk).is_empty());
    drop(held);
    disk.flush();
    assert!(tags(&disk).is_empty());
    assert_eq!(disk.shared().pending.keys(), 0);
    drop(disk);
    assert!(tags(&machine.start()).is_empty());
}

#[test]
fn a_restart_does_not_bring_what_was_there_before() {
    let machine = machine();
    let disk = machine.start();
    for _ in 0..2 {
        assert!(put(&disk, "old", 100));
        disk.flush();
        assert!(!put(&disk, "new", TOO_MUCH));
    }
    disk.flush();
    // Not even one that comes before anything else could be written.
    machine.ram.kill();
    drop(disk);
    machine.ram.revive();
    let disk = machine.start();
    assert!(tags(&disk).is_empty());
    assert_eq!(disk.stats().keys, 0);
    assert!(put(&disk, "newest", 100));
    drop(disk);
    assert_eq!(tags(&machine.start()), ["newest"]);
}

#[test]
fn what_is_stored_after_that_is_found() {
    let machine = machine();
    let disk = machine.start();
    assert!(put(&disk, "old", 100));
    disk.flush();
    let held = hold(&disk);
    assert!(!put(&disk, "new", TOO_MUCH));
    assert!(put(&disk, "newest", 100));
    drop(held);
    drop(disk);
    assert_eq!(tags(&machine.start()), ["newest"]);
}

#[test]
fn nor_does_one_after_the_disk_could_not_be_written_to() {
    let machine = machine();
    let disk = machine.start();
    assert!(put(&disk, "old", 100));
    disk.flush();
    machine.ram.set(Faults {
        read_only: true,
        ..Faults::default()
    });
    put(&disk, "new", 100);
    disk.flush();
    assert!(tags(&disk).is_empty());
    machine.ram.set(Faults::default());
    while disk
        .stats()
        .disk
        .is_some_and(|disk| disk.unusable.is_some())
    {
        std::thread::yield_now();
    }
    disk.sweep(1);
    disk.flush();
    machine.ram.kill();
    drop(disk);
    machine.ram.revive();
    assert!(tags(&machine.start()).is_empty());
}

#[test]
fn nor_does_a_folder_that_was_away() {
    let machine = machine();
    let disk = machine.start();
    assert!(put(&disk, "old", 100));
    drop(disk);
    let disk = machine.start();
    let shared = disk.shared();
    // Its mark is not written yet.
    let held = hold(&disk);
    shared.outdated(key("/").stable_hash(), &key("/"));
    let mut keeper = Readmit(Arc::downgrade(shared));
    keeper.mounted();
    while disk.is_loading() {
        std::thread::yield_now();
    }
    assert!(tags(&disk).is_empty());
    drop(held);
    drop(disk);
    assert!(tags(&machine.start()).is_empty());
}
