//! The response body on its way in: an idle limit, and what it holds until its end: a permit, and the
//! connection, which goes back then.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use perigee_http1::{Bounds, Decoded, Decoder};
use tokio::time::Instant;

use super::{Connection, Kept};
use crate::{admission::Permit, body::BoxError, error::TransferError, words};

/// Space for one read of a body: no less, and no more.
const MIN_READ: u64 = 16 << 10;
const MAX_READ: u64 = 64 << 10;

/// What a body needs on its way.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) permit: Permit,
    /// Where the connection goes after it; `None`: it is closed.
    pub(crate) kept: Option<Arc<Kept>>,
    /// Says in words whose body it is.
    pub(crate) label: Arc<str>,
    pub(crate) idle_limit: Duration,
    pub(crate) bounds: Bounds,
}

/// A response body under limits.
#[derive(Debug)]
pub(crate) struct Transfer {
    decoder: Decoder,
    /// Until the end of the body, however it ends.
    under_way: Option<(Box<Connection>, Terms)>,
    /// Since when the reader has waited for a piece, if it does.
    waiting: Option<Instant>,
    /// The connection stays here after the end.
    held: Held,
    /// Why no more of it comes.
    failure: Option<BoxError>,
}

/// Where a connection is whose request may go on after its response.
#[derive(Debug)]
enum Held {
    Never,
    Wanted,
    Here(Box<Connection>),
}

/// The connection is at its end, and the body is not.
#[derive(Debug)]
struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(words::CLOSED)
    }
}

impl std::error::Error for CutShort {}

/// A body that has come whole with its head; the connection has gone back. `None`: not all is there.
pub(crate) fn whole(
    connection: Box<Connection>,
    decoder: &Decoder,
    terms: Terms,
) -> Result<Bytes, (Box<Connection>, Terms)> {
    let mut connection = connection;
    let left = decoder.left().and_then(|left| usize::try_from(left).ok());
    match left.filter(|&left| left <= connection.buf.len()) {
        Some(length) => {
            let body = connection.buf.split_to(length).freeze();
            ended(connection, terms);
            Ok(body)
        }
        None => Err((connection, terms)),
    }
}

/// The body has come whole: the connection waits for another request now.
pub(crate) fn ended(connection: Box<Connection>, terms: Terms) {
    // What came behind it was not asked for.
    if let Some(kept) = terms.kept.filter(|_| connection.buf.is_empty()) {
        kept.put(connection);
    }
}

impl Transfer {
    pub(crate) fn new(connection: Box<Connection>, decoder: Decoder, terms: Terms) -> Self {
        Transfer {
            decoder,
            under_way: Some((connection, terms)),
            waiting: None,
            held: Held::Never,
            failure: None,
        }
    }

    /// Does not give the connection away at the end of the body.
    pub(crate) fn hold(&mut self) {
        self.held = Held::Wanted;
    }

    /// The connection, as long as the body has not failed.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        match (&mut self.under_way, &mut self.held) {
            (Some((connection, _)), _) | (None, Held::Here(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Ends with an error at the next look, for this reason.
    pub(crate) fn fail_with(&mut self, source: BoxError) {
        self.failure = Some(self.broke_off(source));
    }

    /// Ends with an error, for this reason.
    fn broke_off(&mut self, source: BoxError) -> BoxError {
        let label = self.under_way.take().map(|(_, terms)| terms.label);
        TransferError::broke_off(label.as_deref().unwrap_or_default(), source)
    }

    fn end(&mut self) {
        let Some((connection, terms)) = self.under_way.take() else {
            return;
        };
        match self.held {
            Held::Never => ended(connection, terms),
            _ => self.held = Held::Here(connection),
        }
    }

    /// Space for what is to come next.
    fn space(&self) -> usize {
        let left = self.decoder.left().unwrap_or(MAX_READ / 2);
        left.clamp(MIN_READ, MAX_READ) as usize
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        loop {
            let space = self.space();
            let Some((connection, terms)) = &mut self.under_way else {
                return Poll::Ready(self.failure.take().map_or(Ok(None), Err));
            };
            match self.decoder.decode(&mut connection.buf, terms.bounds) {
                Err(bad) => return Poll::Ready(Err(self.broke_off(Box::new(bad)))),
                Ok(Decoded::Data(data)) => {
                    if self.decoder.left() == Some(0) {
                        self.end();
                    }
                    return Poll::Ready(Ok(Some(Frame::data(data))));
                }
                Ok(Decoded::Trailers(trailers)) => {
                    return Poll::Ready(Ok(Some(Frame::trailers(trailers))));
                }
                Ok(Decoded::End) => {
                    self.end();
                    return Poll::Ready(Ok(None));
                }
                Ok(Decoded::More) => {}
            }
            match connection.poll_read(cx, space) {
                Poll::Ready(Ok(0)) if matches!(self.decoder, Decoder::Close) => {
                    self.under_way = None;
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.broke_off(Box::new(CutShort)))),
                Poll::Ready(Ok(_)) => self.waiting = None,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(self.broke_off(Box::new(error))));
                }
                Poll::Pending => {
                    let since = *self.waiting.get_or_insert_with(Instant::now);
                    ready!(connection.poll_deadline(cx, since + terms.idle_limit));
                    let why = format!("stalled for {:?}", terms.idle_limit);
                    let stalled = TransferError::boxed(&terms.label, &why, None);
                    self.under_way = None;
                    return Poll::Ready(Err(stalled));
                }
            }
        }
    }
}

impl Body for Transfer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.poll_next(cx).map(Result::transpose)
    }

    fn is_end_stream(&self) -> bool {
        self.under_way.is_none() && self.failure.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.decoder.left() {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
