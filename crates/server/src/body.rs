//! A request body that does not wait for ever.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use crate::RequestBody;

/// Why a request body did not come whole.
#[derive(Debug)]
pub enum BodyError {
    /// Nothing came for this long: 408 is the answer, if there is none yet (RFC 9110 section
    /// 15.5.9).
    Idle(Duration),
    /// The client broke off, or sent what is no body.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BodyError::Idle(limit) => {
                write!(f, "no byte of the request body came for {limit:?}")
            }
            BodyError::Broken(error) => write!(f, "the request body is broken: {error}"),
        }
    }
}

/// For those who must tell the two apart without knowing this crate.
impl From<BodyError> for std::io::Error {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::Idle(_) => std::io::ErrorKind::TimedOut,
            BodyError::Broken(_) => std::io::ErrorKind::InvalidData,
        };
        std::io::Error::new(kind, error)
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BodyError::Idle(_) => None,
            BodyError::Broken(error) => Some(&**error),
        }
    }
}

pin_project! {
    /// A request body that fails when nothing comes for too long while it is being read.
    pub struct TimedBody<B = RequestBody> {
        #[pin]
        body: B,
        limit: Duration,
        // Only bodies that have to be waited for get one.
        sleep: Option<Pin<Box<Sleep>>>,
        waiting: bool,
    }
}

/// Limits how long each piece of `body` may take ([`crate::Limits::body_idle_timeout`]). The time
/// counts while the body is being read, so a handler may take its own time before it does.
pub fn with_idle_timeout<B>(body: B, limit: Duration) -> TimedBody<B>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    TimedBody {
        body,
        limit,
        sleep: None,
        waiting: false,
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            *this.waiting = false;
            return Poll::Ready(frame);
        }
        let limit = *this.limit;
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !std::mem::replace(this.waiting, true) {
            sleep.as_mut().reset(Instant::now() + limit);
        }
        sleep
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(BodyError::Idle(limit))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
