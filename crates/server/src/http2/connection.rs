//! The bytes of one connection, and its time.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use perigee_http2::{Reason, write};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::{Instant, Sleep, sleep_until},
};

use super::{PING_INTERVAL, session::Session};
use crate::{Handler, Limits, exchange::Exchange};

/// Space for one read, and a read into less is not worth it.
const READ: usize = 16 << 10;
const MIN_READ: usize = 4 << 10;

/// Space that a connection keeps which waits for its next request.
const KEPT: usize = 4 << 10;

struct Connection<I, H: Handler> {
    io: I,
    buf: BytesMut,
    session: Session<H>,
    /// The client has sent FIN.
    ended: bool,
    /// Something was written since the last flush.
    unflushed: bool,
    /// When streams, and the client, are to be looked after. Without streams nobody looks at it.
    tick: Option<Pin<Box<Sleep>>>,
    /// Bytes that had come at the last tick.
    received: u64,
    /// A PING is on its way since the last tick.
    asked: bool,
}

/// Answers the requests of one connection until it ends. Returns when the socket is closed, or is
/// to be dropped.
///
/// # Errors
/// The connection broke.
pub(crate) async fn serve<I, H>(io: I, exchange: Exchange<H>, limits: Arc<Limits>) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let mut connection = Connection {
        io,
        buf: BytesMut::new(),
        session: Session::new(exchange, limits),
        ended: false,
        unflushed: false,
        tick: None,
        received: 0,
        asked: false,
    };
    poll_fn(|cx| connection.poll(cx)).await?;
    if connection.ended {
        return Ok(());
    }
    let Connection { mut io, .. } = connection;
    poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await
}

impl<I, H> Connection<I, H>
where
    I: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Before streams are looked at, so that none is missed that wakes from here on.
        let state = Arc::clone(&self.session.exchange.state);
        state.task.register(cx);
        if state.is_closing() {
            self.session.leave();
        }
        loop {
            let read = self.poll_take(cx)?;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if std::mem::take(&mut self.session.at_once) > 0 {
                state.request_began();
                state.request_ended();
            }
            self.session.work();
            self.poll_tick(cx)?;
            let flushed = self.poll_flush(cx)?;
            if flushed.is_pending() {
                return Poll::Pending;
            }
            if self.session.is_over() {
                return Poll::Ready(Ok(()));
            }
            if read.is_pending() && self.session.ready.is_empty() {
                self.save_space();
                return Poll::Pending;
            }
        }
    }

    /// Takes what comes, as long as there is room for the answers.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.session.take(&mut self.buf);
            if !self.session.has_room() || self.session.is_over() {
                return Poll::Ready(Ok(()));
            }
            if self.buf.capacity() - self.buf.len() < MIN_READ {
                self.buf.reserve(READ);
            }
            if ready!(pin!(self.io.read_buf(&mut self.buf)).poll(cx))? == 0 {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes until the row is empty, and TLS keeps nothing back.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let out = &mut self.session.sender.out;
        while !out.is_empty() {
            self.unflushed = true;
            ready!(out.poll_write(&mut self.io, cx))?;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Connections that wait for their next request are many: what one took is given back.
    fn save_space(&mut self) {
        if self.buf.is_empty() && self.buf.capacity() > KEPT {
            self.buf = BytesMut::new();
        }
    }

    /// Ends streams that take too long, and asks a client that says nothing while it waits whether
    /// it is there. One timer, which is moved only when it goes off.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let timeout = self.session.limits.request_timeout;
        while let Some(oldest) = self.session.streams.oldest() {
            let due = (oldest.began + timeout).into();
            let Some(tick) = &mut self.tick else {
                let first = Instant::now() + PING_INTERVAL;
                self.received = self.session.exchange.state.received();
                self.asked = false;
                self.tick = Some(Box::pin(sleep_until(first.min(due))));
                continue;
            };
            if tick.as_mut().poll(cx).is_pending() {
                break;
            }
            let now = Instant::now();
            if due <= now {
                let id = oldest.id;
                self.session.give_up(id, Reason::Cancel);
                continue;
            }
            self.ask()?;
            if let Some(tick) = &mut self.tick {
                tick.as_mut().reset((now + PING_INTERVAL).min(due));
            }
        }
        Ok(())
    }

    /// Whether the client is there is asked once, and waited for until the next tick.
    fn ask(&mut self) -> io::Result<()> {
        let received = self.session.exchange.state.received();
        if received != self.received {
            (self.received, self.asked) = (received, false);
        } else if std::mem::replace(&mut self.asked, true) {
            return Err(io::ErrorKind::TimedOut.into());
        } else {
            let out = &mut self.session.sender.out;
            out.text(|text| write::ping(*b"perigee?", false, text));
        }
        Ok(())
    }
}
