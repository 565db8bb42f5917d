//! The response body that clients are sent, wherever its bytes come from.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use perigee_storage::Reader;
use perigee_upstream::Body as Relayed;

use crate::{
    InFlight, observe::Observation, passing::Passing, several::Several, stitched::Stitched,
};

/// An error that cut a body short.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A response body. When it ends, or is dropped, the request is over: it is then counted and
/// logged.
#[derive(Debug)]
pub struct Body {
    source: Source,
    observation: Option<Box<Observation>>,
    /// Held for its drop.
    under_way: Option<InFlight>,
}

#[derive(Debug)]
enum Source {
    Empty,
    Full(Bytes),
    Stored(Reader),
    Several(Box<Several>),
    Stitched(Box<Stitched>),
    Relayed(Relayed),
    Passing(Box<Passing>),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Body::of(Source::Empty)
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Body::of(Source::Full(bytes.into()))
    }

    /// Bytes out of the store.
    pub(crate) fn stored(reader: Reader) -> Self {
        Body::of(Source::Stored(reader))
    }

    /// Several ranges out of the store.
    pub(crate) fn several(several: Several) -> Self {
        Body::of(Source::Several(Box::new(several)))
    }

    /// Bytes out of the store and of the next tier.
    pub(crate) fn stitched(stitched: Stitched) -> Self {
        Body::of(Source::Stitched(Box::new(stitched)))
    }

    /// Bytes that pass through.
    pub(crate) fn relayed(body: Relayed) -> Self {
        Body::of(Source::Relayed(body))
    }

    /// The same, where bytes that pass through may be made to go on when they break off.
    pub(crate) fn map_relayed(
        mut self,
        passing: impl FnOnce(Relayed) -> Result<Passing, Relayed>,
    ) -> Self {
        self.source = match std::mem::replace(&mut self.source, Source::Empty) {
            Source::Relayed(body) => match passing(body) {
                Ok(passing) => Source::Passing(Box::new(passing)),
                Err(body) => Source::Relayed(body),
            },
            source => source,
        };
        self
    }

    /// Fields of the response, beside those in its map, that are text already: each its name in lower case, `: `,
    /// its value and CRLF. None is of framing, or of one hop, and if there are any, Date is among them. There
    /// are none unless [`crate::Inbound::takes_lines`].
    pub fn lines(&self) -> &[u8] {
        self.observation.as_ref().map_or(&[], |it| &it.lines)
    }

    /// Whether the first bytes of it are gone already: a fill that is not kept has moved on.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(&self.source, Source::Stored(reader) if reader.is_failed())
    }

    fn of(source: Source) -> Self {
        Body {
            source,
            observation: None,
            under_way: None,
        }
    }

    /// Counts as under way until it ends.
    pub(crate) fn count(&mut self, under_way: Option<InFlight>) {
        self.under_way = under_way;
    }

    /// Has the request counted and logged when this body ends.
    pub(crate) fn observe(&mut self, observation: Box<Observation>) {
        self.observation = Some(observation);
    }

    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.source {
            Source::Empty => Poll::Ready(None),
            Source::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Source::Stored(reader) => {
                let chunk = ready!(reader.poll_chunk(cx));
                Poll::Ready(chunk.map(|c| c.map(Frame::data).map_err(Into::into)))
            }
            Source::Several(several) => {
                let chunk = ready!(several.poll_chunk(cx));
                Poll::Ready(chunk.map(|c| c.map(Frame::data)))
            }
            Source::Stitched(stitched) => {
                let chunk = ready!(stitched.poll_chunk(cx));
                Poll::Ready(chunk.map(|c| c.map(Frame::data).map_err(Into::into)))
            }
            Source::Relayed(body) => Pin::new(body).poll_frame(cx),
            Source::Passing(passing) => passing.poll_frame(cx),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = ready!(self.poll_source(cx));
        if let Some(observation) = &mut self.observation {
            match &polled {
                Some(Ok(frame)) => {
                    observation.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
                }
                Some(Err(error)) => observation.broke(&**error),
                None => observation.ended(),
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Full(bytes) => bytes.is_empty(),
            Source::Stored(reader) => reader.remaining() == Some(0),
            Source::Several(several) => several.remaining() == 0,
            Source::Stitched(stitched) => stitched.remaining() == 0,
            Source::Relayed(body) => body.is_end_stream(),
            Source::Passing(passing) => passing.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Stored(reader) => reader
                .remaining()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Several(several) => SizeHint::with_exact(several.remaining()),
            Source::Stitched(stitched) => SizeHint::with_exact(stitched.remaining()),
            Source::Relayed(body) => body.size_hint(),
            Source::Passing(passing) => SizeHint::with_exact(passing.remaining()),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // A server that knows the length stops polling after the last byte, so that being at
        // the end counts as having ended.
        if HttpBody::is_end_stream(self)
            && let Some(observation) = &mut self.observation
        {
            observation.ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::{Instant, SystemTime},
    };

    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::{AccessLog, AccessRecord, observe::LogEntry};

    #[derive(Default)]
    struct Kept(Mutex<Vec<AccessRecord>>);

    impl AccessLog for Kept {
        fn write(&self, record: AccessRecord) {
            self.0.lock().unwrap().push(record);
        }
    }

    /// Reads at most this many frames of a body; whether it was logged as sent whole, and how
    /// many bytes of it.
    async fn logged(body: Body, frames: usize) -> (bool, u64) {
        let log = Arc::new(Kept::default());
        let entry = LogEntry {
            log: log.clone(),
            tier: "edge",
            client: [192, 0, 2, 1].into(),
            service: None,
            method: http::Method::GET,
            url: "http://www.example.com/".into(),
        };
        let observation = Observation::new(SystemTime::now(), Instant::now(), Some(entry));
        let mut body = body;
        body.observe(Box::new(observation));
        for _ in 0..frames {
            if !matches!(body.frame().await, Some(Ok(_))) {
                break;
            }
        }
        drop(body);
        let records = log.0.lock().unwrap();
        assert_eq!(records.len(), 1);
        (records[0].complete, records[0].bytes)
    }

    fn pieces(pieces: Vec<Result<&'static str, &'static str>>) -> Body {
        let frames = pieces.into_iter().map(|piece| match piece {
            Ok(text) => Ok(Frame::data(Bytes::from(text))),
            Err(why) => Err(BodyError::from(why)),
        });
        let stream = StreamBody::new(futures_util::stream::iter(frames));
        Body::relayed(perigee_upstream::body::boxed(stream))
    }

    #[tokio::test]
    async fn complete_is_what_was_read_to_its_end() {
        assert_eq!(logged(Body::empty(), 0).await, (true, 0));
        assert_eq!(logged(Body::full("abc"), 9).await, (true, 3));
        // A server that knows the length stops after the last byte.
        assert_eq!(logged(Body::full("abc"), 1).await, (true, 3));
        assert_eq!(logged(pieces(vec![Ok("ab"), Ok("c")]), 9).await, (true, 3));
    }

    #[tokio::test]
    async fn a_client_that_leaves_has_not_had_it_all() {
        assert_eq!(logged(Body::full("abc"), 0).await, (false, 0));
        assert_eq!(logged(pieces(vec![Ok("ab"), Ok("c")]), 1).await, (false, 2));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_complete() {
        let broken = pieces(vec![Ok("ab"), Err("reset")]);
        assert_eq!(logged(broken, 9).await, (false, 2));

        use perigee_storage::{Memory, MemoryConfig, Purges, Revision, Store};
        let purges = Arc::new(Purges::new(1));
        let memory = Memory::new(MemoryConfig::default(), purges);
        let key = perigee_http_cache::CacheKey::new(crate::Scheme::Http, "a", "/");
        let request = perigee_http_cache::RequestHead {
            method: &http::Method::GET,
            headers: &http::HeaderMap::new(),
        };
        let response = perigee_http_cache::ResponseHead {
            status: http::StatusCode::OK,
            headers: &http::HeaderMap::new(),
        };
        let now = SystemTime::now();
        let times = perigee_http_cache::Times {
            requested: now,
            received: now,
        };
        let policy = crate::Policy::default();
        let head = perigee_http_cache::StoredHead::new(&request, response, &policy, times);
        let mut fill = memory.fill(&key, Arc::new(head), Some(3), Revision::default());
        let body = Body::stored(fill.body().read());
        fill.write(Bytes::from("ab")).await.unwrap();
        drop(fill);
        assert_eq!(logged(body, 9).await, (false, 2));
    }
}
