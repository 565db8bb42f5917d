//! Where there is no `io_uring`.

use std::{io, os::fd::BorrowedFd};

#[derive(Debug)]
pub(super) struct Bell;

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn ring(&self) {}
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    pub(super) token: u64,
    pub(super) result: i32,
    pub(super) more: bool,
}

pub(super) struct Ring;

impl Ring {
    pub(super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn receive(&mut self, _: BorrowedFd<'_>, _: u64) {}

    pub(super) fn listen(&mut self, _: &Bell, _: u64) {}

    pub(super) fn cancel(&mut self, _: u64) {}

    pub(super) fn wait(&mut self, _: &mut Vec<Completion>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn hush(&self, _: &Bell) {}

    pub(super) fn bytes(&self, _: &Completion) -> &[u8] {
        &[]
    }

    pub(super) fn give_back(&mut self, _: &Completion) {}
}
