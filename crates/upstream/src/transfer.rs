//! The response body on its way in: an idle limit, and the permit that it holds until its end.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{admission::Permit, body::BoxError, classify, dial::Facts};

pin_project! {
    /// A response body under limits.
    pub(crate) struct Transfer<B> {
        #[pin]
        body: B,
        // Taken at the end of the body, however it ends.
        permit: Option<Permit>,
        // What it comes over, if that may carry another response after it.
        connection: Option<Facts>,
        label: Arc<str>,
        idle_limit: Duration,
        // Made when the body first has to wait: most bodies never do.
        timer: Option<Pin<Box<Sleep>>>,
        waiting: bool,
        failed: bool,
    }
}

/// Why a response body ended before it was whole.
#[derive(Debug)]
pub(crate) struct TransferError {
    detail: String,
    source: Option<BoxError>,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl StdError for TransferError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl<B: Body> Transfer<B> {
    /// `label` says in words whose body it is; `connection` is what it comes over.
    pub(crate) fn new(
        body: B,
        permit: Permit,
        connection: Option<Facts>,
        label: Arc<str>,
        idle_limit: Duration,
    ) -> Self {
        let mut transfer = Transfer {
            permit: Some(permit),
            connection,
            label,
            idle_limit,
            timer: None,
            waiting: false,
            failed: false,
            body,
        };
        if transfer.body.is_end_stream() {
            ended(&mut transfer.permit, &mut transfer.connection);
        }
        transfer
    }
}

/// The body has come whole: the connection waits for another request now.
fn ended(permit: &mut Option<Permit>, connection: &mut Option<Facts>) {
    *permit = None;
    if let Some(facts) = connection.take() {
        facts.rest();
    }
}

impl<B> Body for Transfer<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        let frame = match this.body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(poll_idle(this.timer, this.waiting, *this.idle_limit, cx));
                (*this.failed, *this.permit) = (true, None);
                let detail = format!(
                    "{}: the response body stalled for {:?}",
                    this.label, this.idle_limit
                );
                let stalled = TransferError {
                    detail,
                    source: None,
                };
                return Poll::Ready(Some(Err(stalled.into())));
            }
        };
        *this.waiting = false;
        if frame.is_none() || this.body.is_end_stream() {
            ended(this.permit, this.connection);
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                (*this.failed, *this.permit) = (true, None);
                let source = error.into();
                let why = classify::in_words(&*source);
                let detail = format!("{}: the response body broke off: {why}", this.label);
                let source = Some(source);
                TransferError { detail, source }.into()
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Ready once the wait that began with `waiting` has lasted for `limit`.
fn poll_idle(
    timer: &mut Option<Pin<Box<Sleep>>>,
    waiting: &mut bool,
    limit: Duration,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if !*waiting {
        *waiting = true;
        let deadline = Instant::now() + limit;
        match timer {
            Some(timer) => timer.as_mut().reset(deadline),
            None => *timer = Some(Box::pin(sleep_until(deadline))),
        }
    }
    match timer {
        Some(timer) => timer.as_mut().poll(cx),
        None => Poll::Pending,
    }
}
