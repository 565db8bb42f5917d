//! One request, until its response is out.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use http::{Response, StatusCode, Version};
use http_body::Body;
use perigee_http1::maps;

use super::{
    PIECE, answer::Content, content::Receiving, download::Download, sending::Sender, wakes::Signal,
    window::SendWindow,
};
use crate::{response::InRequest, state::State};

/// A response to be.
pub(crate) type Answering<B> = Pin<Box<dyn Future<Output = Response<B>> + Send>>;

/// A request that is being answered.
pub(crate) struct Stream<B> {
    pub(crate) id: u32,
    pub(crate) signal: Arc<Signal>,
    waker: Waker,
    work: Work<B>,
    /// The content of the request, if it has some.
    pub(crate) receiving: Option<Receiving>,
    /// What the client takes of the response.
    pub(crate) window: SendWindow,
    pub(crate) began: Instant,
    /// It waits for its turn.
    pub(crate) is_queued: bool,
    /// It waits for the client to take more.
    pub(crate) is_blocked: bool,
    state: Arc<State>,
    _in_request: InRequest,
}

/// What there is to be done.
pub(crate) enum Work<B> {
    /// And whether that is to HEAD.
    Answer(Answering<B>, bool),
    Send(Download<B>),
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Somebody will wake it.
    Waits,
    /// The client takes no more.
    Blocked,
    /// There is more to send.
    Again,
    /// The response is out.
    Done,
    /// It will never be whole.
    Failed,
}

impl<B: Body<Data = Bytes>> Stream<B> {
    /// A stream that may send so many bytes of content.
    pub(crate) fn new(
        id: u32,
        signal: Arc<Signal>,
        work: Work<B>,
        window: u32,
        state: &Arc<State>,
    ) -> Self {
        Stream {
            id,
            waker: Arc::clone(&signal).into(),
            signal,
            work,
            receiving: None,
            window: SendWindow::new(window),
            began: Instant::now(),
            is_queued: false,
            is_blocked: false,
            state: Arc::clone(state),
            _in_request: InRequest::begin(state, Version::HTTP_2),
        }
    }

    /// Does what can be done now, but no more than one piece of content.
    pub(crate) fn turn(&mut self, to: &mut Sender) -> Turn {
        // A handler's mistake ends its own stream.
        catch_unwind(AssertUnwindSafe(|| self.work(to))).unwrap_or(Turn::Failed)
    }

    fn work(&mut self, to: &mut Sender) -> Turn {
        let mut cx = Context::from_waker(&self.waker);
        if let Work::Answer(answering, is_head) = &mut self.work {
            let Poll::Ready(response) = answering.as_mut().poll(&mut cx) else {
                return Turn::Waits;
            };
            let is_head = *is_head;
            if let Some(turn) = self.respond(response, is_head, to) {
                return turn;
            }
            cx = Context::from_waker(&self.waker);
        }
        let Work::Send(download) = &mut self.work else {
            return Turn::Failed;
        };
        match download.poll_rest(&mut cx) {
            Poll::Pending => Turn::Waits,
            Poll::Ready(Err(_)) => Turn::Failed,
            Poll::Ready(Ok(())) => send(self.id, download, &mut self.window, to),
        }
    }

    /// Writes the head. What comes of the turn if that is all.
    fn respond(&mut self, response: Response<B>, is_head: bool, to: &mut Sender) -> Option<Turn> {
        self.state.answered(response.extensions());
        let (mut parts, body) = response.into_parts();
        if parts.status.is_informational() {
            // No final response: the client would wait for one for ever.
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        let (content, length) = Content::of(&parts, &body.size_hint(), is_head);
        let ends = content == Content::Nothing;
        to.head(self.id, parts.status, &parts.headers, length, ends);
        maps::give(parts.headers);
        if ends {
            return Some(Turn::Done);
        }
        self.work = Work::Send(Download::new(body, length));
        None
    }
}

fn send<B: Body<Data = Bytes>>(
    id: u32,
    download: &mut Download<B>,
    window: &mut SendWindow,
    to: &mut Sender,
) -> Turn {
    if download.rest.is_empty() {
        match download.trailers() {
            Some(trailers) => to.trailers(id, &trailers),
            None => to.data(id, Bytes::new(), true),
        }
        return Turn::Done;
    }
    let room = window.room().min(to.window.room());
    let length = download.rest.len().min(room).min(PIECE);
    if length == 0 {
        return Turn::Blocked;
    }
    let piece = download.rest.split_to(length);
    let ends = download.rest.is_empty() && download.ends_here();
    window.sent(length);
    to.data(id, piece, ends);
    if ends { Turn::Done } else { Turn::Again }
}
