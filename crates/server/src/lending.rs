//! Large bodies go out without a copy: their pages are lent to the socket, through a pipe.
//!
//! `vmsplice` puts references to pages into a pipe, `splice` moves them on to the socket, and the
//! kernel sends out of them. Of what goes out so, nothing is copied by us. What counts as written is
//! what the pipe has taken: it holds its pages itself, and [`Lending::poll_empty`] moves on what the
//! socket had no room for.

#[cfg(target_os = "linux")]
mod pipe;
#[cfg(not(target_os = "linux"))]
#[path = "lending/no_pipe.rs"]
mod pipe;

use std::{
    fmt,
    io::{self, IoSlice},
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{io::Interest, net::TcpStream};

use pipe::Pipe;

/// Fewer bytes cost less to copy.
const LEAST: usize = 128 << 10;

/// Pipes that are kept until they are needed again.
const KEPT: usize = 64;

/// Pages of memory that may be lent.
pub trait Pages: fmt::Debug + Send + Sync {
    /// Whether these bytes are in pages that are never written again, even once nobody has the bytes
    /// any more: the kernel may send out of them for long after that. Of others, a client might be
    /// sent what is written there later.
    fn holds(&self, bytes: &[u8]) -> bool;
}

/// What may be lent, and the pipes for it.
#[derive(Debug)]
pub(crate) struct Lender {
    pages: Arc<dyn Pages>,
    idle: Mutex<Vec<Pipe>>,
    /// Pipes that are not idle.
    in_use: AtomicUsize,
    /// As many of them at once. Zero: none.
    most: AtomicUsize,
}

impl Lender {
    pub(crate) fn new(pages: Arc<dyn Pages>, most: usize) -> Self {
        Lender {
            pages,
            idle: Mutex::default(),
            in_use: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
        }
    }

    /// As many pipes from now on.
    pub(crate) fn resize(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// An empty pipe, unless there are too many, or the system gives none.
    fn take(&self) -> Option<Pipe> {
        let most = self.most.load(Ordering::Relaxed);
        if self.in_use.fetch_add(1, Ordering::Relaxed) < most {
            let idle = self.idle().pop();
            if let Some(pipe) = idle.or_else(Pipe::new) {
                return Some(pipe);
            }
        }
        self.in_use.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Takes a pipe back, if it is empty.
    fn give_back(&self, pipe: Option<Pipe>) {
        self.in_use.fetch_sub(1, Ordering::Relaxed);
        if let Some(pipe) = pipe {
            let mut idle = self.idle();
            if idle.len() < KEPT {
                idle.push(pipe);
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Pipe>> {
        // A panic leaves a list of pipes.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of these may be lent: the first that can, and what follows it without a gap. None if
    /// that is not worth it.
    fn worthy(&self, bufs: &[IoSlice<'_>]) -> Option<Range<usize>> {
        if bufs.iter().map(|buf| buf.len()).sum::<usize>() < LEAST {
            return None;
        }
        let holds = |buf: &IoSlice<'_>| self.pages.holds(buf);
        let start = bufs.iter().position(holds)?;
        let lent = bufs[start..].iter().take_while(|buf| holds(buf));
        let (count, bytes) =
            lent.fold((0, 0), |(count, bytes), buf| (count + 1, bytes + buf.len()));
        (bytes >= LEAST).then_some(start..start + count)
    }
}

/// What one socket was lent.
#[derive(Debug)]
pub(crate) struct Lending {
    lender: Option<Arc<Lender>>,
    /// With bytes in it that the socket had no room for.
    pipe: Option<Pipe>,
    /// How many.
    waiting: usize,
}

impl Lending {
    pub(crate) fn new(lender: Option<Arc<Lender>>) -> Self {
        Lending {
            lender,
            pipe: None,
            waiting: 0,
        }
    }

    /// Whether nothing waits in the pipe.
    pub(crate) fn is_empty(&self) -> bool {
        self.pipe.is_none()
    }

    /// Moves on to the socket what waits in the pipe, and calls `moved` whenever that took some.
    pub(crate) fn poll_empty(
        &mut self,
        stream: &TcpStream,
        cx: &mut Context<'_>,
        moved: impl Fn(),
    ) -> Poll<io::Result<()>> {
        while let Some(pipe) = &self.pipe {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_io(Interest::WRITABLE, || pipe.move_to(stream, self.waiting)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    moved();
                    self.waiting -= count;
                    if self.waiting == 0 {
                        self.give_back();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Lends what may be lent of these, after what stands before it. None: there is nothing that is
    /// worth it, and it is to be written as usual. Nothing waits in the pipe before.
    pub(crate) fn poll_write(
        &mut self,
        stream: &TcpStream,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        moved: impl Fn(),
    ) -> Option<Poll<io::Result<usize>>> {
        let lender = self.lender.as_ref()?;
        let lent = lender.worthy(bufs)?;
        let before = bufs.get(..lent.start).filter(|before| !before.is_empty());
        let pipe = lender.take()?;
        let mut written = 0;
        if let Some(before) = before {
            let whole = before.iter().map(|buf| buf.len()).sum::<usize>();
            let sent = send_before(stream, cx, before);
            match sent {
                Poll::Ready(Ok(sent)) if sent == whole => written = whole,
                // The rest comes again.
                sent => {
                    lender.give_back(Some(pipe));
                    return Some(sent);
                }
            }
        }
        match pipe.lend(&bufs[lent]) {
            Ok(count) if count > 0 => {
                self.waiting = count;
                self.pipe = Some(pipe);
                written += count;
            }
            // What does not go so goes as usual, for all connections.
            _ => {
                lender.resize(0);
                lender.give_back(None);
                return (written > 0).then_some(Poll::Ready(Ok(written)));
            }
        }
        Some(match self.poll_empty(stream, cx, moved) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(written)),
        })
    }

    /// The pipe has been emptied, or will not be.
    fn give_back(&mut self) {
        if let (Some(lender), Some(pipe)) = (&self.lender, self.pipe.take()) {
            lender.give_back((self.waiting == 0).then_some(pipe));
        }
    }
}

/// Writes what more follows at once.
fn send_before(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || pipe::send_more(stream, bufs)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
