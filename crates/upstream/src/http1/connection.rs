//! One connection: what has come on it, what is to go out, and how long it may be silent.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    time::{Instant, Sleep, sleep_until},
};

use super::Socket;

/// Space for one read of a head, which a short body may follow.
const HEAD_READ: usize = 4 << 10;

/// A read into less space than this is not worth it.
const MIN_READ: usize = 1 << 10;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    /// What has come and has not been read.
    pub(crate) buf: BytesMut,
    /// What is to go out first; `written` bytes of it have.
    pub(crate) text: Vec<u8>,
    written: usize,
    /// Then this, and then that.
    pub(crate) data: Bytes,
    pub(crate) tail: &'static [u8],
    /// When it was opened.
    pub(crate) opened: Instant,
    /// Whether it has carried a response.
    pub(crate) used: bool,
    /// Made at the first wait; set anew when it goes off too early.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(crate) fn new(socket: Socket) -> Box<Self> {
        Box::new(Connection {
            socket,
            buf: BytesMut::new(),
            text: Vec::new(),
            written: 0,
            data: Bytes::new(),
            tail: b"",
            opened: Instant::now(),
            used: false,
            timer: None,
        })
    }

    /// Reads into the buffer; 0 at the end of what comes.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        space: usize,
    ) -> Poll<io::Result<usize>> {
        if self.buf.capacity() - self.buf.len() < MIN_READ {
            self.buf.reserve(space.max(HEAD_READ));
        }
        pin!(self.socket.read_buf(&mut self.buf)).poll(cx)
    }

    /// Writes all that is to go out. Answers with whether there was anything.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut wrote = false;
        loop {
            let text = &self.text[self.written..];
            let pieces = [
                IoSlice::new(text),
                IoSlice::new(&self.data),
                IoSlice::new(self.tail),
            ];
            let socket = Pin::new(&mut self.socket);
            let count = match (text, &*self.data, self.tail) {
                ([], [], []) => break,
                (text, [], []) => ready!(socket.poll_write(cx, text))?,
                _ => ready!(socket.poll_write_vectored(cx, &pieces))?,
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
            wrote = true;
        }
        self.text.clear();
        self.written = 0;
        Poll::Ready(Ok(wrote))
    }

    fn advance(&mut self, mut count: usize) {
        let mut take = |there: usize| {
            let part = count.min(there);
            count -= part;
            part
        };
        self.written += take(self.text.len() - self.written);
        self.data.advance(take(self.data.len()));
        self.tail = &self.tail[take(self.tail.len())..];
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Ready once it is `deadline`.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // One that is set for before goes off in vain now and then. That costs less than to set it
        // for each request.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// See [`Socket::is_silent`].
    pub(crate) fn is_silent(&self) -> bool {
        self.buf.is_empty() && self.socket.is_silent()
    }

    /// Nothing is under way on it: who has waited for it is forgotten, and what a large response
    /// took is given back.
    pub(crate) fn rest(&mut self) {
        if let Some(timer) = &mut self.timer {
            let _ = timer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        if self.buf.capacity() > HEAD_READ {
            self.buf = BytesMut::new();
        }
        if self.text.capacity() > HEAD_READ {
            self.text = Vec::new();
        }
    }

    /// See [`Socket::poll_bad`].
    pub(crate) fn poll_bad(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_bad(cx)
    }

    /// The connection below, and what has come on it that is not read.
    pub(crate) fn into_parts(self) -> (Socket, BytesMut) {
        (self.socket, self.buf)
    }
}
