//! The socket of a connection, which leaves marks of what it does.

use std::{
    io::{self, IoSlice},
    net::IpAddr,
    os::fd::BorrowedFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use rustix::net::sockopt::set_socket_linger;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    Gauge, clients,
    coarse::Glance,
    lending::{Lender, Lending},
    registry::Registered,
    round_trip,
    slots::Slot,
    socket::{Movable, Socket},
    state::State,
    timers::Stage,
};

/// What a connection holds as long as its socket is open.
pub(crate) type Admission = (Registered, clients::Entry, Slot);

/// A client's socket. It is the last thing of a connection to go, an upgraded one included.
#[derive(Debug)]
pub(crate) struct ClientIo {
    stream: Socket,
    state: Arc<State>,
    lending: Lending,
    /// Bytes that were read to tell the protocol, to be read again.
    early: Bytes,
    ended: bool,
    fin_sent: bool,
    /// Who wants to know how far the client is.
    gauge: Option<(Arc<dyn Gauge>, IpAddr)>,
    // After the stream: fields are dropped in order.
    _admission: Admission,
}

impl ClientIo {
    pub(crate) fn new(
        stream: TcpStream,
        state: Arc<State>,
        gauge: Option<(Arc<dyn Gauge>, IpAddr)>,
        lender: Option<Arc<Lender>>,
        admission: Admission,
    ) -> Self {
        ClientIo {
            stream: Socket::Driven(stream),
            state,
            lending: Lending::new(lender),
            early: Bytes::new(),
            ended: false,
            fin_sent: false,
            gauge,
            _admission: admission,
        }
    }

    /// Puts bytes back in front of what the client sends next.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        self.early = bytes;
    }

    fn check_cut(&self) -> io::Result<()> {
        if self.state.is_cut() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn is_upgraded(&self) -> bool {
        self.state.stage() == Stage::Upgraded
    }

    /// Registers who writes, so that a cut wakes them, and sees whether there was one.
    fn before_write(&self, cx: &Context<'_>) -> io::Result<()> {
        if self.is_upgraded() {
            self.state.writer.register(cx);
        }
        self.check_cut()
    }

    fn after_write<T>(&self, result: &Poll<io::Result<T>>) {
        match result {
            Poll::Pending => self.state.write_blocked(),
            Poll::Ready(_) => self.state.wrote(),
        }
    }

    /// What was lent before goes out first.
    fn poll_lent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lending.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let moved = || self.state.wrote();
        let result = self.lending.poll_empty(self.stream.driven()?, cx, moved);
        self.after_write(&result);
        result
    }

    /// Reads and drops what the client still sends, up to its FIN.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        while !self.ended {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(self.stream.poll_read(cx, &mut buf)) {
                Ok(()) => self.ended = buf.filled().is_empty(),
                Err(_) => self.ended = true,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let length = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early[..length]);
            self.early.advance(length);
            if self.early.is_empty() {
                // What they stand in goes with them.
                self.early = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        if self.is_upgraded() {
            self.state.reader.register(cx);
        }
        self.check_cut()?;
        let before = buf.filled().len();
        ready!(self.stream.poll_read(cx, buf))?;
        match buf.filled().len() - before {
            0 => self.ended = true,
            count => self.state.bytes_came(count, &mut Glance::default()),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.before_write(cx)?;
        ready!(self.poll_lent(cx))?;
        let result = self.stream.poll_write(cx, buf);
        self.after_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.before_write(cx)?;
        ready!(this.poll_lent(cx))?;
        let moved = || this.state.wrote();
        let lent = match &this.stream {
            Socket::Driven(stream) => this.lending.poll_write(stream, cx, bufs, moved),
            Socket::Bare(_) | Socket::Gone => None,
        };
        let result = lent.unwrap_or_else(|| this.stream.poll_write_vectored(cx, bufs));
        this.after_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.lending.is_empty() {
            self.before_write(cx)?;
            ready!(self.poll_lent(cx))?;
        }
        // TCP keeps nothing back.
        Poll::Ready(Ok(()))
    }

    /// Sends FIN, then waits for the client's: see [`crate::timers::LINGER`].
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.fin_sent {
            ready!(self.poll_lent(cx))?;
            ready!(self.stream.poll_shutdown(cx))?;
            self.fin_sent = true;
            self.state.lingering();
        }
        if self.is_upgraded() {
            return Poll::Ready(Ok(()));
        }
        self.poll_discard(cx).map(Ok)
    }
}

impl Drop for ClientIo {
    fn drop(&mut self) {
        if let Some((gauge, client)) = self.gauge.take()
            && self.state.served_a_client()
            && gauge.wants(client)
            && let Some(socket) = self.stream.descriptor()
            && let Some(round_trip) = round_trip::shortest(socket)
        {
            gauge.take(client, round_trip);
        }
        if self.state.is_reset_on_close()
            && !self.fin_sent
            && let Some(socket) = self.stream.descriptor()
        {
            // If it fails the client gets a FIN, as it would without.
            let _ = set_socket_linger(socket, Some(Duration::ZERO));
        }
    }
}

impl Movable for ClientIo {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.stream.descriptor()
    }

    fn release(&mut self) -> io::Result<()> {
        self.stream.release()
    }

    fn reclaim(&mut self) -> io::Result<()> {
        self.stream.reclaim()
    }
}
