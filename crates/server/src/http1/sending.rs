//! A response on its way out: its body, cut as its head has said.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    encode::{self, Delimit},
    out::Out,
    wire::Wire,
};

/// How far a response body has come.
#[derive(Debug)]
pub(crate) struct Sending {
    delimit: Delimit,
    /// Bytes that are still owed.
    left: u64,
    end: Option<End>,
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// Before its end: the client must not take it for whole.
    Broken,
}

impl Sending {
    pub(crate) fn new(delimit: Delimit) -> Self {
        let (left, end) = match delimit {
            Delimit::Nothing | Delimit::Length(0) => (0, Some(End::Whole)),
            Delimit::Length(length) => (length, None),
            Delimit::Chunked { .. } | Delimit::Close => (0, None),
        };
        Sending { delimit, left, end }
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    /// Puts what the body has in the row, as much as there is room for. Pending: the body has no
    /// more for now.
    pub(crate) fn poll_fill<B>(
        &mut self,
        mut body: Pin<&mut B>,
        out: &mut Out,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        B: Body<Data = Bytes>,
    {
        while self.end.is_none() && out.has_room() {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.data(data, out),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        self.last(&trailers, out);
                    }
                },
                Some(Err(_)) => self.end = Some(End::Broken),
                None => self.last(&HeaderMap::new(), out),
            }
            if self.end.is_none() && body.is_end_stream() {
                self.last(&HeaderMap::new(), out);
            }
        }
        Poll::Ready(())
    }

    fn data(&mut self, mut data: Bytes, out: &mut Out) {
        match self.delimit {
            _ if data.is_empty() => {}
            Delimit::Nothing => {}
            Delimit::Length(_) => {
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                data.truncate(left);
                self.left -= data.len() as u64;
                out.body(data);
                if self.left == 0 {
                    self.end = Some(End::Whole);
                }
            }
            Delimit::Chunked { .. } => {
                out.text(|text| encode::chunk(data.len(), text));
                out.body(data);
                out.text(|text| text.extend_from_slice(b"\r\n"));
            }
            Delimit::Close => out.body(data),
        }
    }

    /// The body has no more.
    fn last(&mut self, trailers: &HeaderMap, out: &mut Out) {
        self.end = Some(match self.delimit {
            Delimit::Length(_) if self.left > 0 => End::Broken,
            _ => End::Whole,
        });
        match self.delimit {
            Delimit::Chunked { trailers: true } => {
                out.text(|text| encode::last_chunk(trailers, text));
            }
            Delimit::Chunked { trailers: false } => {
                out.text(|text| encode::last_chunk(&HeaderMap::new(), text));
            }
            _ => {}
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Wire<I> {
    /// Sends a response whose head is in the row already. The body is let go of as soon as its
    /// last piece is in the row.
    pub(crate) fn poll_send<B>(
        &mut self,
        sending: &mut Sending,
        mut body: Pin<&mut Option<B>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        B: Body<Data = Bytes>,
    {
        if self.incoming.is_some() {
            self.state.task.register(cx);
            self.feed(cx)?;
        }
        loop {
            let mut waits = false;
            if let Some(body) = body.as_mut().as_pin_mut() {
                waits = sending.poll_fill(body, &mut self.out, cx).is_pending();
            }
            if sending.end().is_some() {
                body.set(None);
                return self.poll_flush(cx);
            }
            if waits {
                self.listen(cx)?;
                ready!(self.poll_flush(cx))?;
                return Poll::Pending;
            }
            ready!(self.poll_write(cx))?;
        }
    }
}
