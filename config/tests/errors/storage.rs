//! Memory and disk.

use super::check;

#[test]
fn more_memory_than_can_be_addressed() {
    check(
        "[[services]]",
        "[storage]\nmemory = \"900TiB\"\n[[services]]",
        (24, 10),
        "900TiB is too large: at most 64TiB",
        "",
    );
}

#[test]
fn fills_larger_than_the_memory() {
    check(
        "[[services]]",
        "[storage]\nmemory = \"8MiB\"\nfill_memory = \"9MiB\"\n[[services]]",
        (25, 15),
        "fill_memory is a part of memory, and here it is larger",
        "",
    );
}

#[test]
fn more_taken_at_start_than_the_memory() {
    check(
        "[[services]]",
        "[storage]\nmemory = \"8MiB\"\nprefault = \"9MiB\"\n[[services]]",
        (25, 12),
        "prefault is a part of memory, and here it is larger",
        "bodies of up to 4 KiB",
    );
}

#[test]
fn less_taken_at_start_than_can_be() {
    check(
        "[[services]]",
        "[storage]\nprefault = \"32KiB\"\n[[services]]",
        (24, 12),
        "prefault is less than 64KiB, and nothing would be taken",
        "leave it out",
    );
}

#[test]
fn disks() {
    let with = |lines: &str| format!("[storage.disk]\n{lines}\n[[services]]");
    check(
        "[[services]]",
        &with("size = \"1GiB\""),
        (23, 1),
        "the key `path` is missing",
        "",
    );
    check(
        "[[services]]",
        &with("path = \"cache\"\nsize = \"12MiB\""),
        (25, 8),
        "12MiB is too small: at least 16MiB",
        "",
    );
    check(
        "[[services]]",
        &with("path = \"cache\"\nsize = \"1GiB\"\nsegment = \"512MiB\""),
        (26, 11),
        "size has no room for 4 segments like this one",
        "take `segment` out",
    );
    check(
        "[[services]]",
        &with("path = \"cache\"\nreadmit_share = 1"),
        (25, 17),
        "1 is out of range: write a number from 0 to 0.9",
        "",
    );
}
