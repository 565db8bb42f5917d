//! The bytes of one connection: read into one buffer, written out of one row.

mod in_hall;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io, mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::{
    door::Opened,
    encode,
    head::{Head, HeadReader, Refused, Taken},
    incoming::{Incoming, Need},
    known::Known,
    lent::{self, HEAD_READ},
    out::Out,
};
use crate::{Asked, Limits, coarse::Glance, line, state::State};

/// Space for one read of bodies.
const BODY_READ: usize = 32 << 10;

/// A read into less space than this is not worth it.
const MIN_READ: usize = 1 << 10;

/// Bytes of answers that are sent in the hall: of larger ones the work is the kernel's, which may want to wait.
const MOST_IN_HALL: usize = 96 << 10;

pub(crate) struct Wire<I> {
    pub(crate) io: I,
    pub(crate) buf: BytesMut,
    known: Known,
    pub(crate) out: Out,
    pub(crate) limits: Arc<Limits>,
    pub(crate) state: Arc<State>,
    pub(crate) line: Arc<line::Shared>,
    /// The number of the request that is being answered.
    pub(crate) request: u64,
    /// Its body, as long as that is not read whole.
    pub(crate) incoming: Option<Incoming>,
    /// The client has sent FIN.
    pub(crate) ended: bool,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Something was answered at once since the client was last waited for.
    answered: bool,
    /// If something was, and that is one answer, for all who ask for the same: so much content is in it.
    alike: Option<u64>,
    /// How often in a row it was then waited for, with nothing left to do. `None`: nobody wants to know.
    calm: Option<u32>,
}

/// What is to be done next on a connection.
pub(crate) enum Next<B> {
    /// A request is to be handled.
    Head(Box<Head>),
    /// So many bytes of this are to be sent: its head is in the row.
    Body(u64, Box<B>),
    /// The connection is waited for, and its requests are such as are answered in [`crate::hall`].
    Hall,
}

/// What is to be done next, or the request that ends it.
pub(crate) type Told<B> = Result<Next<B>, Refused>;

impl<I: AsyncRead + AsyncWrite + Unpin> Wire<I> {
    pub(crate) fn new(io: I, limits: Arc<Limits>, state: Arc<State>) -> Self {
        let line = line::Shared::new(&state, limits.max_interim);
        Wire {
            io,
            buf: BytesMut::new(),
            known: Known::default(),
            out: Out::default(),
            limits,
            state,
            line,
            request: 0,
            incoming: None,
            ended: false,
            unflushed: false,
            answered: false,
            alike: None,
            calm: None,
        }
    }

    /// From now on, tells when it may as well be served in the hall, or no more.
    pub(crate) fn watch_calm(&mut self, watch: bool) {
        self.calm = watch.then_some(0);
        self.answered = false;
    }

    /// The client is waited for. Whether it has been calm for long enough.
    fn is_calm(&mut self) -> bool {
        if let Some(calm) = &mut self.calm
            && mem::take(&mut self.answered)
        {
            *calm += 1;
            return *calm >= self.limits.io_uring_after;
        }
        false
    }

    /// What is more than a request that is answered at once has come.
    fn stirred(&mut self) {
        self.watch_calm(self.calm.is_some());
    }

    /// The next head that `open` does not answer at once, or a body that is to follow what it has
    /// answered; `None` when no more come. Answers to requests that came together go out together.
    pub(crate) fn poll_head<B>(
        &mut self,
        reader: &mut HeadReader,
        mut open: impl FnMut(&Asked<'_>, SystemTime, &mut Out) -> Option<Opened<B>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Told<B>>>> {
        self.wake_up();
        let mut glance = Glance::default();
        loop {
            if let Some(told) = self.answer(reader, &mut open, &mut glance) {
                self.stirred();
                return Poll::Ready(Ok(Some(told)));
            }
            if !self.out.is_empty() || self.unflushed {
                let is_large = self.out.bytes() > MOST_IN_HALL;
                let flushed = self.poll_flush(cx);
                if is_large || flushed.is_pending() {
                    self.stirred();
                }
                ready!(flushed)?;
                continue;
            }
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            match self.poll_read(cx, HEAD_READ) {
                Poll::Ready(read) => {
                    read?;
                    glance = Glance::default();
                }
                Poll::Pending if self.buf.is_empty() && self.state.is_closing() => {
                    return Poll::Ready(Ok(None));
                }
                Poll::Pending => {
                    let is_calm = self.buf.is_empty() && self.is_calm();
                    self.rest();
                    if is_calm {
                        return Poll::Ready(Ok(Some(Ok(Next::Hall))));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Has what stands in the buffer answered at once, as far as that goes. `None`: more has to come first, or
    /// what is in the row has to go.
    fn answer<B>(
        &mut self,
        reader: &mut HeadReader,
        open: &mut impl FnMut(&Asked<'_>, SystemTime, &mut Out) -> Option<Opened<B>>,
        glance: &mut Glance,
    ) -> Option<Told<B>> {
        while !self.buf.is_empty() && self.out.has_room() {
            let out = &mut self.out;
            let open = |asked: &Asked<'_>| {
                let now = glance.wall();
                open(asked, now, out)
            };
            let (buf, known) = (&mut self.buf, &mut self.known);
            match reader.take(buf, &self.limits, self.ended, known, open) {
                Ok(None) => {
                    // What came with the request before was not marked when it came.
                    self.state.head_began();
                    return None;
                }
                Ok(Some(Taken::Opened(Opened::Answered(alike)))) => {
                    *reader = HeadReader::default();
                    self.alike = alike.filter(|_| !self.answered);
                    self.answered = true;
                }
                Ok(Some(Taken::Opened(Opened::Begun(length, body)))) => {
                    return Some(Ok(Next::Body(length, body)));
                }
                Ok(Some(Taken::Head(head))) => return Some(Ok(Next::Head(head))),
                Err(refused) => return Some(Err(refused)),
            }
        }
        None
    }

    /// Borrows buffers, if there are none.
    pub(crate) fn wake_up(&mut self) {
        if self.buf.capacity() == 0 && self.out.is_empty() {
            (self.buf, self.out) = lent::take();
        }
    }

    /// Gives the buffers back: connections that wait, for their next request or for an answer, are many.
    fn rest(&mut self) {
        if self.buf.is_empty() && self.out.is_empty() {
            let (buf, out) = (mem::take(&mut self.buf), mem::take(&mut self.out));
            lent::give(buf, out);
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, space: usize) -> Poll<io::Result<()>> {
        if self.buf.capacity() - self.buf.len() < MIN_READ {
            self.buf.reserve(space);
        }
        let read = ready!(pin!(self.io.read_buf(&mut self.buf)).poll(cx))?;
        self.ended |= read == 0;
        Poll::Ready(Ok(()))
    }

    /// What is to be done while the handler works: interim responses go out, and as much of the
    /// request body comes in as is wanted.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn meanwhile(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // Before the mail is looked at, so that none is missed that comes from here on.
        self.state.task.register(cx);
        self.wake_up();
        self.put_interim();
        self.feed(cx)?;
        self.listen(cx)?;
        if let Poll::Ready(flushed) = self.poll_flush(cx) {
            flushed?;
            if self.incoming.is_none() {
                self.rest();
            }
        }
        Ok(())
    }

    /// Puts the interim responses of the handler in the row.
    pub(crate) fn put_interim(&mut self) {
        for (status, headers) in self.line.interim(self.request) {
            if status == http::StatusCode::CONTINUE
                && let Some(incoming) = &mut self.incoming
            {
                incoming.continued();
            }
            self.out
                .text(|text| encode::interim(status, &headers, text));
        }
    }

    /// Reads as much of the request body as is wanted.
    pub(crate) fn feed(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Some(incoming) = &mut self.incoming {
            match incoming.feed(&mut self.buf, &self.limits) {
                Need::Nothing => {
                    if incoming.is_whole() {
                        self.incoming = None;
                    }
                    break;
                }
                Need::Continue => {
                    incoming.continued();
                    self.out.text(|text| {
                        text.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    });
                }
                Need::Bytes if self.ended => incoming.cut_off(),
                Need::Bytes => match self.poll_read(cx, BODY_READ) {
                    Poll::Ready(read) => read?,
                    Poll::Pending => break,
                },
            }
        }
        Ok(())
    }

    /// Reads ahead a little while somebody else is to be waited for: a client that resets the
    /// connection is noticed, and waited for no longer. One that only sends FIN still gets its
    /// response.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn listen(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.incoming.is_none() && !self.ended && self.buf.len() < HEAD_READ {
            match self.poll_read(cx, HEAD_READ) {
                Poll::Ready(read) => read?,
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Whether the next request can be found behind the body of this one, as the head of the
    /// response must say. Of a body that nobody wants any more, what has come already is read.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn is_legible(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        match &self.incoming {
            None => Ok(true),
            Some(incoming) if !incoming.has_an_end() => Ok(false),
            Some(incoming) if !incoming.is_abandoned() => Ok(true),
            Some(_) => match self.poll_drain(cx) {
                Poll::Ready(drained) => drained,
                Poll::Pending => Ok(false),
            },
        }
    }

    /// Reads what is left of a request body that nobody wants. Whether the connection can go on.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while let Some(incoming) = &mut self.incoming {
            match incoming.discard(&mut self.buf, &self.limits) {
                Ok(Need::Nothing) => self.incoming = None,
                Ok(_) if self.ended || self.state.is_closing() => return Poll::Ready(Ok(false)),
                Ok(_) => match self.poll_read(cx, BODY_READ) {
                    Poll::Ready(read) => read?,
                    Poll::Pending => return Poll::Pending,
                },
                Err(_) => return Poll::Ready(Ok(false)),
            }
        }
        self.state.head_ended();
        Poll::Ready(Ok(true))
    }

    /// One write of what waits in the row.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unflushed = true;
        self.out.poll_write(&mut self.io, cx)
    }

    /// Writes until the row is empty, and TLS keeps nothing back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            ready!(self.poll_write(cx))?;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
