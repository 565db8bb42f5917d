//! A response body on its way out, by reference.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use perigee_http1::trailers;

/// What is left of a response body.
#[derive(Debug)]
pub(crate) struct Download<B> {
    body: Option<Pin<Box<B>>>,
    /// Bytes that are to be sent before the body is asked for more.
    pub(crate) rest: Bytes,
    /// Bytes that the head has promised and the body still owes.
    owed: Option<u64>,
    trailers: Option<HeaderMap>,
}

/// A body that ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl<B: Body<Data = Bytes>> Download<B> {
    /// A body, of so many bytes if that is known.
    pub(crate) fn new(body: B, owed: Option<u64>) -> Self {
        Download {
            body: Some(Box::pin(body)),
            rest: Bytes::new(),
            owed,
            trailers: None,
        }
    }

    /// A body that is there.
    pub(crate) fn of(rest: Bytes) -> Self {
        Download {
            body: None,
            rest,
            owed: None,
            trailers: None,
        }
    }

    /// Nothing more comes behind `rest`, not even trailers.
    pub(crate) fn ends_here(&self) -> bool {
        self.body.is_none() && self.trailers.is_none()
    }

    /// What is to be sent at the end.
    pub(crate) fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// Waits until there is something in `rest`, or nothing more will be.
    ///
    /// # Errors
    /// [`Broken`].
    pub(crate) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while self.rest.is_empty()
            && let Some(body) = &mut self.body
        {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.data(data),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok().and_then(sendable);
                        self.finish()?;
                    }
                },
                Some(Err(_)) => return Poll::Ready(Err(Broken)),
                None => self.finish()?,
            }
            if self.body.as_ref().is_some_and(|body| body.is_end_stream()) {
                self.finish()?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn data(&mut self, mut data: Bytes) {
        if let Some(owed) = &mut self.owed {
            data.truncate(usize::try_from(*owed).unwrap_or(usize::MAX));
            *owed -= data.len() as u64;
            if *owed == 0 {
                self.body = None;
            }
        }
        self.rest = data;
    }

    fn finish(&mut self) -> Result<(), Broken> {
        self.body = None;
        match self.owed {
            Some(1..) => Err(Broken),
            _ => Ok(()),
        }
    }
}

/// Trailers that may be sent, if there are any.
fn sendable(all: HeaderMap) -> Option<HeaderMap> {
    let mut sendable = HeaderMap::new();
    for (name, value) in &all {
        if trailers::may_be(name) {
            sendable.append(name, value.clone());
        }
    }
    Some(sendable).filter(|sendable| !sendable.is_empty())
}
