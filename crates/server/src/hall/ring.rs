//! A ring that receives: `io_uring` (io_uring(7)), with buffers that it fills by itself. What is unsafe of it is in
//! this file.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use rustix::{
    event::{EventfdFlags, eventfd},
    mm::{MapFlags, ProtFlags, mmap_anonymous, munmap},
};

/// Requests that wait to be told to the kernel.
const QUEUE: u32 = 128;

/// Completions that the kernel keeps for us; of more it keeps a list.
const COMPLETIONS: u32 = 4_096;

/// Bytes of a buffer: mostly what came is one request, or a few.
const BUFFER: usize = 4 << 10;

/// Buffers. Who finds none is told so, and asks again when some have been given back.
const BUFFERS: u16 = 128;

/// Their list, in front of them: 16 bytes for each.
const LIST: usize = 4 << 10;

/// The group that they are in.
const GROUP: u16 = 0;

/// To wait for completions; and that it does not count as waiting for a disk, which `top` would show. Both of
/// linux/io_uring.h.
const GET_EVENTS: u32 = 1 << 0;
const NO_IOWAIT: u32 = 1 << 7;

/// What stands for a request that nobody waits for.
const NOBODY: u64 = u64::MAX;

/// Wakes the thread that waits at a ring.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Bell(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    pub(super) fn ring(&self) {
        // Fails only if it has been rung 2^64 times.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn hush(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    /// What the request was told to be known by.
    pub(super) token: u64,
    /// Bytes that were received, 0 at their end, or an error below 0.
    pub(super) result: i32,
    /// Where they are.
    pub(super) buffer: Option<u16>,
    /// Whether more will come of the same request.
    pub(super) more: bool,
}

/// A ring. It stays with the thread that has made it.
pub(super) struct Ring {
    // Before the buffers: fields are dropped in order.
    uring: IoUring,
    buffers: Buffers,
    /// How it waits.
    flags: u32,
}

impl Ring {
    /// # Errors
    /// The kernel is older than Linux 6.1, or does not allow it to this process.
    pub(super) fn new() -> io::Result<Self> {
        let uring = IoUring::builder()
            .dontfork()
            .setup_cqsize(COMPLETIONS)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(QUEUE)?;
        let buffers = Buffers::new(&uring)?;
        let flags = match uring.params().is_feature_no_iowait() {
            true => GET_EVENTS | NO_IOWAIT,
            false => GET_EVENTS,
        };
        Ok(Ring {
            uring,
            buffers,
            flags,
        })
    }

    /// From now on, receives all that comes on this socket, until an end or a cancellation is told.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, token: u64) {
        let socket = types::Fd(socket.as_raw_fd());
        self.push(
            &opcode::RecvMulti::new(socket, GROUP)
                .build()
                .user_data(token),
        );
    }

    /// From now on, tells by `token` that the bell rings.
    pub(super) fn listen(&mut self, bell: &Bell, token: u64) {
        let (bell, readable) = (types::Fd(bell.0.as_fd().as_raw_fd()), libc::POLLIN as u32);
        let poll = opcode::PollAdd::new(bell, readable).multi(true);
        self.push(&poll.build().user_data(token));
    }

    /// Ends what was asked for with this token.
    pub(super) fn cancel(&mut self, token: u64) {
        self.push(&opcode::AsyncCancel::new(token).build().user_data(NOBODY));
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what the entries of this file let the kernel write to is the buffers alone, which stay until the
        // ring is gone. The kernel holds on to a socket by itself, so that its descriptor may be closed.
        while unsafe { self.uring.submission().push(entry) }.is_err() {
            // It takes all of the queue, or is out of memory for the moment.
            let _ = self.uring.submit();
        }
    }

    /// Tells the kernel what was asked for, and waits until something has become of any of it.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub(super) fn wait(&mut self, into: &mut Vec<Completion>) -> io::Result<()> {
        let told = self.uring.submission().len() as u32;
        let no_arguments: Option<&libc::sigset_t> = None;
        // SAFETY: as many requests as there are, of which the same holds as in `push`.
        let waited = unsafe {
            let submitter = self.uring.submitter();
            submitter.enter(told, 1, self.flags, no_arguments)
        };
        match waited {
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) => {}
            Err(error) => return Err(error),
        }
        let completions = self.uring.completion();
        let told = completions.filter(|it| it.user_data() != NOBODY);
        into.extend(told.map(|it| Completion {
            token: it.user_data(),
            result: it.result(),
            buffer: cqueue::buffer_select(it.flags()),
            more: cqueue::more(it.flags()),
        }));
        Ok(())
    }

    /// Notes that the bell has been heard.
    pub(super) fn hush(&self, bell: &Bell) {
        bell.hush();
    }

    /// What was received.
    pub(super) fn bytes(&self, completion: &Completion) -> &[u8] {
        let length = usize::try_from(completion.result).unwrap_or_default();
        let buffer = completion.buffer.filter(|_| length > 0);
        buffer.map_or(&[], |buffer| self.buffers.bytes(buffer, length))
    }

    /// Its buffer may be filled again.
    pub(super) fn give_back(&mut self, completion: &Completion) {
        if let Some(buffer) = completion.buffer {
            self.buffers.give_back(buffer);
        }
    }
}

/// Buffers that the kernel takes from a list, and that are put into it again.
struct Buffers {
    /// The list, and behind it the buffers.
    base: NonNull<u8>,
    /// How many have been put into the list, ever.
    tail: u16,
}

impl Buffers {
    const SIZE: usize = LIST + BUFFERS as usize * BUFFER;

    fn new(uring: &IoUring) -> io::Result<Self> {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: new memory, at a place that the kernel chooses.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), Self::SIZE, access, flags)? };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut buffers = Buffers { base, tail: 0 };
        let list = base.as_ptr() as u64;
        // SAFETY: the list begins a page, and stays until after the ring is gone.
        unsafe {
            uring
                .submitter()
                .register_buf_ring_with_flags(list, BUFFERS, GROUP, 0)?;
        }
        (0..BUFFERS).for_each(|buffer| buffers.give_back(buffer));
        Ok(buffers)
    }

    fn place(&self, buffer: u16) -> NonNull<u8> {
        let offset = LIST + usize::from(buffer % BUFFERS) * BUFFER;
        // SAFETY: less than the mapping is long.
        unsafe { self.base.add(offset) }
    }

    fn bytes(&self, buffer: u16, length: usize) -> &[u8] {
        // SAFETY: in the mapping, which the kernel has given to us filled with zeros. It writes to a buffer only
        // between `give_back`, for which nobody may borrow of this any more, and its completion.
        unsafe { std::slice::from_raw_parts(self.place(buffer).as_ptr(), length.min(BUFFER)) }
    }

    fn give_back(&mut self, buffer: u16) {
        let list = self.base.cast::<types::BufRingEntry>();
        let place = self.place(buffer).as_ptr() as u64;
        // SAFETY: the list has BUFFERS entries, and the kernel reads none that is behind the tail. The tail is a
        // field of the first one that nothing else is written to, and the kernel reads it as we write it.
        unsafe {
            let entry = list.add(usize::from(self.tail % BUFFERS)).as_mut();
            entry.set_addr(place);
            entry.set_len(BUFFER as u32);
            entry.set_bid(buffer);
            self.tail = self.tail.wrapping_add(1);
            let tail = types::BufRingEntry::tail(list.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: nobody has a slice of it, and the ring is gone.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), Self::SIZE) };
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixStream};

    use super::*;

    /// `None` where the kernel does not let it run.
    fn ring() -> Option<(Ring, UnixStream, UnixStream)> {
        let (to, from) = UnixStream::pair().unwrap();
        let mut ring = Ring::new().ok()?;
        ring.receive(from.as_fd(), 7);
        Some((ring, to, from))
    }

    /// What is told next.
    fn next(ring: &mut Ring) -> Vec<Completion> {
        let mut told = Vec::new();
        while told.is_empty() {
            ring.wait(&mut told).unwrap();
        }
        told
    }

    #[test]
    fn all_bytes_come_in_order_however_often_buffers_are_used_again() {
        let Some((mut ring, mut to, _from)) = ring() else {
            return;
        };
        for round in 0..u32::from(BUFFERS) * 5 {
            let sent = round.to_ne_bytes();
            to.write_all(&sent).unwrap();
            for told in next(&mut ring) {
                assert_eq!((told.token, told.more), (7, true));
                assert_eq!(ring.bytes(&told), sent);
                ring.give_back(&told);
            }
        }
    }

    #[test]
    fn who_finds_no_buffer_is_told_and_asks_again() {
        let Some((mut ring, mut to, from)) = ring() else {
            return;
        };
        let sent: Vec<u8> = (0..BUFFERS as usize * BUFFER + 10)
            .map(|at| at as u8)
            .collect();
        let (mut came, mut short) = (Vec::new(), 0);
        let sending = std::thread::spawn({
            let sent = sent.clone();
            move || to.write_all(&sent).map(|()| to)
        });
        while came.len() < sent.len() {
            let mut kept = Vec::new();
            // As long as any is left none is given back.
            loop {
                let told = next(&mut ring);
                let ended = told.iter().any(|told| !told.more);
                kept.extend(told);
                let length: i32 = kept.iter().map(|told| told.result.max(0)).sum();
                if ended || came.len() + length as usize == sent.len() {
                    break;
                }
            }
            for told in &kept {
                came.extend_from_slice(ring.bytes(told));
                ring.give_back(told);
                if !told.more {
                    assert_eq!(told.result, -libc::ENOBUFS);
                    ring.receive(from.as_fd(), 7);
                    short += 1;
                }
            }
        }
        assert!(came == sent);
        assert!(short > 0);
        drop(sending.join().unwrap().unwrap());
    }

    #[test]
    fn an_end_and_a_cancellation_are_told() {
        let Some((mut ring, to, from)) = ring() else {
            return;
        };
        ring.cancel(7);
        let told = next(&mut ring);
        assert_eq!((told[0].result, told[0].more), (-libc::ECANCELED, false));
        ring.receive(from.as_fd(), 8);
        drop(to);
        let told = next(&mut ring);
        let (token, result) = (told[0].token, told[0].result);
        assert_eq!((token, result, told[0].more), (8, 0, false));
        assert!(ring.bytes(&told[0]).is_empty());
    }

    #[test]
    fn a_bell_wakes_who_waits() {
        let Some((mut ring, _to, _from)) = ring() else {
            return;
        };
        let bell = std::sync::Arc::new(Bell::new().unwrap());
        ring.listen(&bell, 1);
        for _ in 0..3 {
            let ringer = std::sync::Arc::clone(&bell);
            let ringer = std::thread::spawn(move || ringer.ring());
            assert_eq!(next(&mut ring)[0].token, 1);
            ring.hush(&bell);
            ringer.join().unwrap();
        }
    }
}
