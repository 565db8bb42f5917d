//! A pipe that holds pages by reference. What is unsafe of lending is in this file.
#![allow(unsafe_code)]

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
    pipe::{
        IoSliceRaw, PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with,
        splice, vmsplice,
    },
};
use tokio::net::TcpStream;

/// Bytes that a pipe is asked to hold; a page takes a place, however much of it is meant.
const SIZE: usize = 1 << 20;

/// One that holds less, since the user has too many, is of no use.
const LEAST: usize = 64 << 10;

/// Slices that go into it at once.
const SLICES: usize = 32;

#[derive(Debug)]
pub(super) struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
}

impl Pipe {
    pub(super) fn new() -> Option<Self> {
        let (from, to) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
        // A user may have so much of pipes in all; then it stays as it is.
        let size = fcntl_setpipe_size(&to, SIZE).or_else(|_| fcntl_getpipe_size(&to));
        (size.ok()? >= LEAST).then_some(Pipe { from, to })
    }

    /// Puts these bytes into it, by reference, or the first of them. They are in pages of which
    /// [`super::Pages`] says that they are never written again: only so are these the bytes that will
    /// be sent.
    pub(super) fn lend(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = bufs.len().min(SLICES);
        let slices: [_; SLICES] = std::array::from_fn(|index| {
            IoSliceRaw::from_slice(bufs.get(index).map_or(&[], |buf| &**buf))
        });
        // SAFETY: the kernel only reads the bytes, and holds on to their pages for itself, whatever
        // becomes of the addresses.
        let lent = unsafe { vmsplice(&self.to, &slices[..count], SpliceFlags::NONBLOCK)? };
        Ok(lent)
    }

    /// Moves bytes that it holds on to the socket, `most` of them at the most.
    pub(super) fn move_to(&self, stream: &TcpStream, most: usize) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        Ok(splice(&self.from, None, stream.as_fd(), None, most, flags)?)
    }
}

/// Sends bytes, behind which more follow at once: they may go out together.
pub(super) fn send_more(stream: &TcpStream, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let mut nothing = SendAncillaryBuffer::default();
    Ok(sendmsg(stream.as_fd(), bufs, &mut nothing, flags)?)
}
