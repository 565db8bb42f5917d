//! What a crash leaves, and a disk that fails.

use super::{
    kit::*,
    lives::{self, OnDisk},
};
use crate::{Disk, disk::log::tests::ram::Faults};

impl OnDisk for Disk {
    fn on_disk(&self) -> &Disk {
        self
    }

    fn evict(&self, _: &str) {}
}

#[test]
fn it_agrees_with_a_map_over_restarts() {
    lives::agrees_with_a_map(Machine::start_cold);
}

#[test]
fn what_is_found_was_stored_whatever_went_wrong() {
    lives::what_is_found_was_stored(Machine::start_cold);
}

#[test]
fn a_disk_that_fails_is_no_store_and_comes_back() {
    let machine = Machine::new(32 << 20);
    let disk = machine.start();
    store(&disk, "/a", head("en", "a", 1000), &bytes(1, 1000));
    disk.flush();
    machine.ram.set(Faults {
        read_only: true,
        ..Faults::default()
    });
    let large = bytes(2, 100_000);
    for n in 0..100 {
        store(
            &disk,
            &format!("/{n}"),
            head("en", "b", large.len()),
            &large,
        );
        disk.flush();
    }
    assert_eq!(etag(&lookup(&disk, "/a")[0]), "a");
    machine.ram.set(Faults::default());
    // The pause is a thousandth of a second.
    while !store(&disk, "/c", head("en", "c", 1000), &bytes(3, 1000)) {
        disk.flush();
    }
    disk.flush();
    assert_eq!(etag(&lookup(&disk, "/c")[0]), "c");
    drop(disk);
    let disk = machine.start();
    assert_eq!(etag(&lookup(&disk, "/c")[0]), "c");
}
