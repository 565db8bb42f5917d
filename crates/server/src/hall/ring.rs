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
        Ok(Ring { uring, buffers })
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
        match self.uring.submit_and_wait(1) {
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
