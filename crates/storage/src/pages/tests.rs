use std::{
    io::Read,
    os::fd::{AsFd, OwnedFd},
};

use rustix::pipe::{IoSliceRaw, PipeFlags, SpliceFlags, pipe_with, vmsplice};

use super::*;

fn block(slot: &mut Slot, byte: u8) -> Bytes {
    let mut room = slot.room().unwrap();
    room.extend_from_slice(&[byte; BLOCK]);
    room.freeze()
}

/// A pipe that holds these bytes by reference.
fn lent(bytes: &[u8]) -> OwnedFd {
    let (from, to) = pipe_with(PipeFlags::NONBLOCK).unwrap();
    let slices = [IoSliceRaw::from_slice(bytes)];
    // SAFETY: they are in pages of `Pages`, which are not written again.
    let count = unsafe { vmsplice(to.as_fd(), &slices, SpliceFlags::NONBLOCK) };
    assert_eq!(count.unwrap(), bytes.len());
    from
}

#[test]
fn who_was_given_pages_never_sees_what_comes_after_them() {
    let pages = Pages::reserve(0).unwrap();
    let mut slot = pages.slot().unwrap();
    let secret = block(&mut slot, b'a');
    let address = secret.as_ptr();
    let pipe = lent(&secret);
    drop((secret, slot));

    let mut slot = pages.slot().unwrap();
    let other = block(&mut slot, b'b');
    assert_eq!(other.as_ptr(), address, "the same addresses are used again");
    let mut read = vec![0; BLOCK];
    std::fs::File::from(pipe).read_exact(&mut read).unwrap();
    assert!(read == [b'a'; BLOCK]);
    assert!(other == [b'b'; BLOCK][..]);
}

#[test]
fn what_is_taken_again_is_empty() {
    let pages = Pages::reserve(0).unwrap();
    let mut slot = pages.slot().unwrap();
    let address = block(&mut slot, b'a').as_ptr();
    drop(slot);
    let mut slot = pages.slot().unwrap();
    let mut room = slot.room().unwrap();
    room.extend_from_slice(b"b");
    assert_eq!(room.taken.start().as_ptr().cast_const(), address);
    // As if a length had been mistaken.
    room.length = BLOCK;
    assert!(room.freeze()[1..] == [0; BLOCK - 1]);
}

#[test]
fn a_slot_is_taken_as_long_as_anybody_has_a_byte_of_it() {
    let pages = Pages::reserve(0).unwrap();
    let mut slot = pages.slot().unwrap();
    let (first, second) = (block(&mut slot, 1), block(&mut slot, 2).slice(5..6));
    let mut full = Vec::new();
    while let Some(room) = slot.room() {
        full.push(room);
    }
    assert_eq!(full.len() + 2, SLOT / BLOCK);
    drop((slot, first, full));
    let others: Vec<Slot> = std::iter::from_fn(|| pages.slot()).collect();
    assert_eq!(others.len(), pages.slots - 1);
    assert_eq!(second[..], [2]);
    drop(second);
    assert!(pages.slot().is_some());
}

#[test]
fn an_address_tells_what_is_held() {
    let pages = Pages::reserve(0).unwrap();
    let mut slot = pages.slot().unwrap();
    let bytes = block(&mut slot, 7);
    assert!(pages.holds(&bytes));
    assert!(pages.holds(&bytes[BLOCK - 1..]));
    assert!(!pages.holds(&[7; 16]));
    assert!(!pages.holds(&vec![7; BLOCK]));
    assert!(!Pages::reserve(0).unwrap().holds(&bytes));
    drop((slot, pages));
    assert!(
        bytes == [7; BLOCK][..],
        "who has a byte keeps the addresses"
    );
}
