//! The body of an answer with several ranges: stored chunks, and small heads between them.

use std::{
    ops::Range,
    task::{Context, Poll, ready},
    vec,
};

use bytes::Bytes;
use perigee_http_cache::Multipart;
use perigee_storage::{ReadError, Reader, Stored};

/// Several ranges of one stored response (RFC 9110 section 15.3.7.2). No byte of it is copied.
#[derive(Debug)]
pub(crate) struct Several {
    stored: Stored,
    /// The range that is being sent.
    now: Option<Reader>,
    next: vec::IntoIter<(Bytes, Range<u64>)>,
    end: Bytes,
    remaining: u64,
}

impl Several {
    pub(crate) fn new(stored: &Stored, parts: &Multipart) -> Self {
        Several {
            stored: stored.clone(),
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
    ) -> Poll<Option<Result<Bytes, ReadError>>> {
        let chunk = match ready!(self.poll_next(cx)) {
            Some(Ok(chunk)) => chunk,
            other => return Poll::Ready(other),
        };
        self.remaining = self.remaining.saturating_sub(chunk.len() as u64);
        Poll::Ready(Some(Ok(chunk)))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReadError>>> {
        if let Some(reader) = &mut self.now {
            let chunk = ready!(reader.poll_chunk(cx));
            if let Some(Err(_)) = chunk {
                // What follows would stand at the wrong place.
                self.next = Vec::new().into_iter();
                self.end = Bytes::new();
            }
            if chunk.is_some() {
                return Poll::Ready(chunk);
            }
            self.now = None;
        }
        if let Some((head, range)) = self.next.next() {
            self.now = Some(self.stored.body.read_range(range));
            return Poll::Ready(Some(Ok(head)));
        }
        let end = std::mem::take(&mut self.end);
        Poll::Ready((!end.is_empty()).then_some(Ok(end)))
    }
}
