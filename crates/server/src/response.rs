//! A response body on its way to the client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{state::State, timers::Stage};

/// HTTP/2 gets bodies in pieces of at most this many bytes. hyper hands each to a stream's
/// buffer whole, so that the end of a large one would look as if it had been sent.
const PIECE: usize = 64 << 10;

/// A request that is being answered, until dropped.
pub(crate) struct InRequest {
    state: Arc<State>,
    version: Version,
    /// Whether data of the response waits to be taken (HTTP/2).
    offered: bool,
}

impl InRequest {
    pub(crate) fn begin(state: &Arc<State>, version: Version) -> Self {
        state.request_began();
        InRequest {
            state: Arc::clone(state),
            version,
            offered: false,
        }
    }

    fn offer(&mut self) {
        self.offered = true;
        self.state.offered();
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.offered) {
            self.state.taken();
        }
    }

    /// The body failed. hyper drops the connection or resets the stream, which a client sees by
    /// the missing end; HTTP/1.0 may have none, so there it takes a RST.
    pub(crate) fn failed(&self) {
        if self.version == Version::HTTP_10 {
            self.state.reset_on_close();
        }
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        self.taken();
        self.state.request_ended();
    }
}

pin_project! {
    /// A response body that marks how it fares.
    pub(crate) struct Answer<B> {
        #[pin]
        body: B,
        rest: Bytes,
        pieces: bool,
        in_request: InRequest,
    }
}

impl<B> Answer<B> {
    pub(crate) fn new(body: B, in_request: InRequest) -> Self {
        let pieces = in_request.state.stage() == Stage::Http2;
        Answer {
            body,
            rest: Bytes::new(),
            pieces,
            in_request,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        this.in_request.taken();
        if this.rest.is_empty() {
            let frame = match ready!(this.body.poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    this.in_request.failed();
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            };
            if !*this.pieces {
                return Poll::Ready(Some(Ok(frame)));
            }
            match frame.into_data() {
                Ok(data) => *this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        this.in_request.offer();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked for before the first frame only, when there is no rest.
        self.body.size_hint()
    }
}
