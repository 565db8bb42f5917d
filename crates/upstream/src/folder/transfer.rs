//! A file on its way: an idle limit, and the permit that it holds until its end.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{admission::Permit, body::BoxError, error::TransferError};

pin_project! {
    /// A response body under limits.
    pub(crate) struct Transfer<B> {
        #[pin]
        body: B,
        // Taken at the end of the body, however it ends.
        permit: Option<Permit>,
        label: Arc<str>,
        idle_limit: Duration,
        // Made when the body first has to wait: most bodies never do.
        timer: Option<Pin<Box<Sleep>>>,
        waiting: bool,
        failed: bool,
    }
}

impl<B: Body> Transfer<B> {
    /// `label` says in words whose body it is.
    pub(crate) fn new(body: B, permit: Permit, label: Arc<str>, idle_limit: Duration) -> Self {
        let mut transfer = Transfer {
            permit: Some(permit),
            label,
            idle_limit,
            timer: None,
            waiting: false,
            failed: false,
            body,
        };
        if transfer.body.is_end_stream() {
            transfer.permit = None;
        }
        transfer
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
                let why = format!("stalled for {:?}", this.idle_limit);
                return Poll::Ready(Some(Err(TransferError::boxed(this.label, &why, None))));
            }
        };
        *this.waiting = false;
        if frame.is_none() || this.body.is_end_stream() {
            *this.permit = None;
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                (*this.failed, *this.permit) = (true, None);
                let source = error.into();
                TransferError::broke_off(this.label, source)
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
