//! A body that is passed on as it comes, and goes on from another source when it breaks off.
//!
//! The client has the head already. So only the very same version goes on: by the same strong
//! validator and length, asked for by Range and If-Range from the first byte that lacks. Where that
//! is not to be had, the body ends with an error, which the client notices.

mod passage;

pub(crate) use passage::Way;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body::{Body as _, Frame};
use perigee_upstream::Body as Relayed;

use crate::{
    Inbound, NextHop,
    answer::Answer,
    body::{Body, BodyError},
    exchange::Exchange,
    rest::MOST_RESUMED,
    stitched::{Cut, Stitched},
};
use passage::Passage;

/// A body on its way through. Its length is known.
pub(crate) struct Passing {
    passage: Arc<Passage>,
    now: Now,
    /// Bytes that were passed on.
    passed: u64,
    /// Bytes still to come.
    left: u64,
    /// How often it has gone on from another source.
    resumed: u8,
    /// How many had been passed on when it did so last.
    resumed_at: Option<u64>,
}

enum Now {
    Relaying(Relayed),
    Asking(Asking),
    Stitched(Box<Stitched>),
    Over,
}

type Asking = Pin<Box<dyn Future<Output = Result<Now, Cut>> + Send>>;

impl Exchange {
    /// The answer, whose body goes on from another source if it is passed on, breaks off, and can
    /// be continued.
    pub(crate) fn passing_on(
        self: &Arc<Self>,
        answer: Answer,
        inbound: &Arc<Inbound>,
        next: &Arc<dyn NextHop>,
        way: Way,
    ) -> Answer {
        let (head, body) = answer.response.into_parts();
        let has_validator = head.headers.contains_key(header::ETAG)
            || head.headers.contains_key(header::LAST_MODIFIED);
        let is_part = matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        let body = match inbound.head.method == Method::GET && is_part && has_validator {
            true => body.passing(|| Passage {
                exchange: Arc::clone(self),
                inbound: Arc::clone(inbound),
                next: Arc::clone(next),
                way,
                status: head.status,
                headers: head.headers.clone(),
                received: SystemTime::now(),
            }),
            false => body,
        };
        Answer {
            response: http::Response::from_parts(head, body),
            ..answer
        }
    }
}

impl Body {
    /// The same body, going on by this passage when it breaks off, if it is one that is relayed and
    /// its length is known.
    fn passing(self, passage: impl FnOnce() -> Passage) -> Body {
        self.map_relayed(|body| match body.size_hint().exact() {
            Some(length) if length > 0 => Ok(Passing {
                passage: Arc::new(passage()),
                now: Now::Relaying(body),
                passed: 0,
                left: length,
                resumed: 0,
                resumed_at: None,
            }),
            _ => Err(body),
        })
    }
}

impl Passing {
    /// Bytes still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.left
    }

    /// Trailers may follow the last byte.
    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.now {
            Now::Relaying(body) => self.left == 0 && body.is_end_stream(),
            Now::Asking(_) => false,
            Now::Stitched(_) | Now::Over => self.left == 0,
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let cut: BodyError = match &mut self.now {
                Now::Over => return Poll::Ready(None),
                Now::Relaying(body) => match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(Ok(frame)) => return Poll::Ready(Some(Ok(self.note(frame)))),
                    Some(Err(error)) => error,
                    None if self.left > 0 => "the body ended before its end".into(),
                    None => return Poll::Ready(None),
                },
                Now::Stitched(stitched) => {
                    let chunk = ready!(stitched.poll_chunk(cx));
                    let chunk = chunk.map(|c| c.map(Frame::data).map_err(BodyError::from));
                    return Poll::Ready(chunk.map(|c| c.map(|frame| self.note(frame))));
                }
                Now::Asking(asking) => match ready!(asking.as_mut().poll(cx)) {
                    Ok(now) => {
                        self.now = now;
                        continue;
                    }
                    // What is another version now will not be the same again.
                    Err(Cut::Changed) => {
                        return Poll::Ready(Some(Err(self.end(Cut::Changed.into()))));
                    }
                    Err(cut) => cut.into(),
                },
            };
            let has_come = self.resumed_at.replace(self.passed) != Some(self.passed);
            if self.left == 0 || !has_come || self.resumed == MOST_RESUMED {
                return Poll::Ready(Some(Err(self.end(cut))));
            }
            self.resumed += 1;
            let passage = Arc::clone(&self.passage);
            self.now = Now::Asking(Box::pin(passage.go_on(self.passed)));
        }
    }

    fn note(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.passed += length;
        self.left = self.left.saturating_sub(length);
        frame
    }

    fn end(&mut self, cut: BodyError) -> BodyError {
        self.now = Now::Over;
        self.passage.tell(self.passed, &cut);
        cut
    }
}

impl fmt::Debug for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passing")
            .field("passed", &self.passed)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
