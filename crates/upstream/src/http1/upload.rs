//! The request on its way out: the head, and the body as its sender brings it. It is watched, so that
//! the wait for a response is measured from the last moment at which it was the origin's turn.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::HeaderMap;
use http_body::Body as _;
use tokio::time::Instant;

use super::{
    connection::Connection,
    request::{self, Address, Framing},
};
use crate::{Body, Outgoing, body::BoxError};

/// Why a request has not gone out whole.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The connection is broken. The response may have come all the same.
    There(io::Error),
    /// Who sends the body did not bring it as it was said.
    Here(BoxError),
}

/// More or less came than was said.
#[derive(Debug)]
struct WrongLength;

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body has not the length that was stated")
    }
}

impl std::error::Error for WrongLength {}

/// A request on its way out.
#[derive(Debug)]
pub(crate) struct Upload {
    /// What of the body has not come to its end.
    body: Option<Body>,
    framing: Framing,
    /// Since when the origin has had all there was: it should read on, or answer. `None`: it is the
    /// client's turn to bring more of the body, and other limits bound that.
    origins_turn: Option<Instant>,
    is_over: bool,
}

impl Upload {
    /// Puts the head in the row.
    pub(crate) fn begin(
        connection: &mut Connection,
        outgoing: &Outgoing,
        body: Body,
        to: &Address,
        now: Instant,
    ) -> Self {
        let framing = Framing::of(&outgoing.fields, &body);
        request::head(outgoing, framing, to, &mut connection.text);
        Upload {
            body: (framing != Framing::Nothing).then_some(body),
            framing,
            origins_turn: Some(now),
            is_over: false,
        }
    }

    /// Whether nothing more goes out.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Nothing more is sent.
    pub(crate) fn give_up(&mut self) {
        (self.is_over, self.body) = (true, None);
    }

    /// Since when it has been the origin's turn, if it is.
    pub(crate) fn origins_turn(&self) -> Option<Instant> {
        self.origins_turn
    }

    /// Sends as much as there is, and the origin takes.
    pub(crate) fn poll(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Stopped>> {
        while !self.is_over {
            let wrote = ready!(connection.poll_write(cx)).map_err(Stopped::There)?;
            let Some(body) = &mut self.body else {
                ready!(connection.poll_flush(cx)).map_err(Stopped::There)?;
                self.is_over = true;
                break;
            };
            if wrote {
                self.origins_turn = Some(Instant::now());
            }
            let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                self.origins_turn = None;
                ready!(connection.poll_flush(cx)).map_err(Stopped::There)?;
                return Poll::Pending;
            };
            self.origins_turn = Some(Instant::now());
            match frame.transpose().map_err(Stopped::Here)? {
                None => self.end(&HeaderMap::new(), connection)?,
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.piece(data, connection)?,
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        self.end(&trailers, connection)?;
                    }
                },
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Puts a piece of the body in the row.
    fn piece(&mut self, data: bytes::Bytes, connection: &mut Connection) -> Result<(), Stopped> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.framing {
            Framing::Chunked => {
                request::chunk(data.len(), &mut connection.text);
                connection.tail = b"\r\n";
            }
            Framing::Length(left) => {
                let rest = left.checked_sub(data.len() as u64);
                *left = rest.ok_or(Stopped::Here(Box::new(WrongLength)))?;
            }
            Framing::Nothing => return Ok(()),
        }
        connection.data = data;
        Ok(())
    }

    fn end(&mut self, trailers: &HeaderMap, connection: &mut Connection) -> Result<(), Stopped> {
        self.body = None;
        match self.framing {
            Framing::Chunked => request::last_chunk(trailers, &mut connection.text),
            Framing::Length(1..) => return Err(Stopped::Here(Box::new(WrongLength))),
            Framing::Length(0) | Framing::Nothing => {}
        }
        Ok(())
    }
}
