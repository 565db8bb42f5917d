//! The body of an answer with several ranges: chunks of them, and small heads between.

use std::{
    ops::Range,
    task::{Context, Poll, ready},
    vec,
};

use bytes::Bytes;
use perigee_http_cache::Multipart;
use perigee_storage::{Body, Reader};

use crate::{body::BodyError, stitched::Stitched};

/// Several ranges of one response (RFC 9110 section 15.3.7.2). No byte of it is copied.
#[derive(Debug)]
pub(crate) struct Several {
    source: Source,
    /// The range that is being sent.
    now: Option<Now>,
    next: vec::IntoIter<(Bytes, Range<u64>)>,
    end: Bytes,
    remaining: u64,
}

/// Where the ranges are.
#[derive(Debug)]
pub(crate) enum Source {
    /// All of them in the store.
    Stored(Body),
    /// Wherever this finds them.
    Stitched(Box<Stitched>),
}

#[derive(Debug)]
enum Now {
    Stored(Reader),
    Stitched,
}

impl Several {
    pub(crate) fn new(source: Source, parts: &Multipart) -> Self {
        Several {
            source,
            now: None,
            next: parts.parts.clone().into_iter(),
            end: parts.end.clone(),
            remaining: parts.length(),
        }
    }

    /// Bytes still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    pub(crate) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let chunk = match ready!(self.poll_next(cx)) {
            Some(Ok(chunk)) => chunk,
            other => return Poll::Ready(other),
        };
        self.remaining = self.remaining.saturating_sub(chunk.len() as u64);
        Poll::Ready(Some(Ok(chunk)))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let chunk = match (&mut self.now, &mut self.source) {
            (None, _) => None,
            (Some(Now::Stored(reader)), _) => {
                ready!(reader.poll_chunk(cx)).map(|chunk| chunk.map_err(BodyError::from))
            }
            (Some(Now::Stitched), Source::Stitched(stitched)) => {
                ready!(stitched.poll_chunk(cx)).map(|chunk| chunk.map_err(BodyError::from))
            }
            (Some(Now::Stitched), Source::Stored(_)) => None,
        };
        if let Some(Err(_)) = chunk {
            // What follows would stand at the wrong place.
            self.next = Vec::new().into_iter();
            self.end = Bytes::new();
        }
        if chunk.is_some() {
            return Poll::Ready(chunk);
        }
        self.now = None;
        if let Some((head, range)) = self.next.next() {
            self.now = Some(match &mut self.source {
                Source::Stored(body) => Now::Stored(body.read_range(range)),
                Source::Stitched(stitched) => {
                    stitched.turn_to(range);
                    Now::Stitched
                }
            });
            return Poll::Ready(Some(Ok(head)));
        }
        let end = std::mem::take(&mut self.end);
        Poll::Ready((!end.is_empty()).then_some(Ok(end)))
    }
}
