//! The disk's log: writes, kills, and files that anything happened to.

#![no_main]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the log is crate-private, and the target runs one body of its tests"
)]

#[path = "../../crates/storage/src/disk"]
mod disk {
    pub mod log;
}
#[path = "../../crates/storage/src/disk/log/tests/ram.rs"]
mod ram;
#[path = "../../crates/storage/src/disk/log/tests/recovering.rs"]
mod recovering;

use disk::log;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| recovering::recovering(bytes));
