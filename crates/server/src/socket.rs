//! A client's socket: in the hands of the runtime, which tells when it can be read from or written to, or of who
//! serves it elsewhere for a while.

use std::{
    io::{self, IoSlice, Write},
    mem, net,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// What may be served elsewhere for a while, unless it says nothing else.
pub(crate) trait Movable {
    /// What it is known by to the kernel. `None`: it cannot be served elsewhere.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Takes it out of the hands of the runtime: from now on it is not read from here, and a write that would
    /// have to wait wakes nobody.
    ///
    /// # Errors
    /// It is of no use any more.
    fn release(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Puts it back, in the context of the runtime.
    ///
    /// # Errors
    /// It is of no use any more.
    fn reclaim(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// TLS has more to do with what comes.
impl<T> Movable for tokio_rustls::server::TlsStream<T> {}

#[cfg(test)]
impl Movable for tokio::io::DuplexStream {}

#[derive(Debug)]
pub(crate) enum Socket {
    Driven(TcpStream),
    Bare(net::TcpStream),
    /// Changing hands has failed.
    Gone,
}

impl Socket {
    /// # Errors
    /// Somebody else has it.
    pub(crate) fn driven(&self) -> io::Result<&TcpStream> {
        match self {
            Socket::Driven(stream) => Ok(stream),
            Socket::Bare(_) | Socket::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn driven_mut(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self {
            Socket::Driven(stream) => Ok(Pin::new(stream)),
            Socket::Bare(_) | Socket::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Socket::Driven(stream) => Some(stream.as_fd()),
            Socket::Bare(stream) => Some(stream.as_fd()),
            Socket::Gone => None,
        }
    }

    /// See [`Movable::release`].
    pub(crate) fn release(&mut self) -> io::Result<()> {
        *self = match mem::replace(self, Socket::Gone) {
            Socket::Driven(stream) => Socket::Bare(stream.into_std()?),
            other => other,
        };
        Ok(())
    }

    /// See [`Movable::reclaim`].
    pub(crate) fn reclaim(&mut self) -> io::Result<()> {
        *self = match mem::replace(self, Socket::Gone) {
            Socket::Bare(stream) => Socket::Driven(TcpStream::from_std(stream)?),
            other => other,
        };
        Ok(())
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.driven_mut()?.poll_read(cx, buf)
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Socket::Bare(stream) => at_once(|| stream.write(buf)),
            _ => self.driven_mut()?.poll_write(cx, buf),
        }
    }

    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Socket::Bare(stream) => at_once(|| stream.write_vectored(bufs)),
            _ => self.driven_mut()?.poll_write_vectored(cx, bufs),
        }
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.driven_mut()?.poll_shutdown(cx)
    }
}

/// Writes what the kernel takes now; sockets are in non-blocking mode in whoever's hands they are.
fn at_once(mut write: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match write() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            written => return Poll::Ready(written),
        }
    }
}
