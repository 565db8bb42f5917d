//! The body of a request, and the line back to who sent it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{BodyError, Line, http1, http2};

/// The body of a request. It is read from the connection as it is asked for; the client is told to
/// go on (100) only then, if it waits for that. It ends cleanly only if it came whole.
#[derive(Debug)]
pub struct RequestBody {
    content: Content,
    line: Option<Line>,
}

#[derive(Debug)]
enum Content {
    Empty,
    Http1(http1::Reader),
    Http2(http2::Reader),
}

impl RequestBody {
    pub(crate) fn http1(reader: Option<http1::Reader>, line: Line) -> Self {
        RequestBody {
            content: reader.map_or(Content::Empty, Content::Http1),
            line: Some(line),
        }
    }

    pub(crate) fn http2(reader: Option<http2::Reader>) -> Self {
        RequestBody {
            content: reader.map_or(Content::Empty, Content::Http2),
            line: None,
        }
    }

    /// What can be done on the connection besides answering. HTTP/2 has none: its
    /// connections are not one request's to take.
    pub fn line(&self) -> Option<&Line> {
        self.line.as_ref()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.content {
            Content::Empty => Poll::Ready(None),
            Content::Http1(reader) => reader.poll_frame(cx),
            Content::Http2(reader) => reader.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Http1(reader) => reader.is_end_stream(),
            Content::Http2(reader) => reader.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Http1(reader) => reader.size_hint(),
            Content::Http2(reader) => reader.size_hint(),
        }
    }
}
