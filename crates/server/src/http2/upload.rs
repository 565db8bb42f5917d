//! A request body between its connection and whoever the handler gave it to: that may be another
//! task. What waits is bounded by the stream's window.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::wakes::Signal;
use crate::BodyError;

/// What both ends share.
#[derive(Debug)]
struct Shared {
    signal: Arc<Signal>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What came, in one piece however small its frames are.
    data: BytesMut,
    trailers: Option<HeaderMap>,
    /// Bytes that were read since the connection last asked.
    read: usize,
    /// Bytes of content that have not been read; `None`: not known.
    left: Option<u64>,
    end: Option<End>,
    /// Somebody has begun to read.
    asked: bool,
    /// Nobody will read on.
    abandoned: bool,
    reader: Option<Waker>,
}

#[derive(Debug)]
enum End {
    Clean,
    Broken(Option<BodyError>),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection's end.
#[derive(Debug)]
pub(crate) struct Upload(Arc<Shared>);

/// What the reader has done since the connection last asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Bytes that it took.
    pub(crate) read: usize,
    /// It has begun to read.
    pub(crate) asked: bool,
}

impl Upload {
    pub(crate) fn new(length: Option<u64>, signal: &Arc<Signal>) -> (Self, Reader) {
        let shared = Arc::new(Shared {
            signal: Arc::clone(signal),
            inner: Mutex::new(Inner {
                left: length,
                ..Inner::default()
            }),
        });
        (Upload(Arc::clone(&shared)), Reader(shared))
    }

    /// Takes bytes for the reader. Whether somebody wants them.
    pub(crate) fn push(&self, data: &[u8]) -> bool {
        if self.0.lock().abandoned {
            return false;
        }
        self.change(|inner| inner.data.extend_from_slice(data));
        true
    }

    /// The body is whole.
    pub(crate) fn end(&self, trailers: Option<HeaderMap>) {
        self.change(|inner| {
            inner.trailers = trailers.filter(|trailers| !trailers.is_empty());
            inner.end = Some(End::Clean);
        });
    }

    /// The body will never be whole.
    pub(crate) fn fail(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        let error = BodyError::Broken(error.into());
        self.change(|inner| inner.end = Some(End::Broken(Some(error))));
    }

    pub(crate) fn progress(&self) -> Progress {
        let mut inner = self.0.lock();
        Progress {
            read: std::mem::take(&mut inner.read),
            asked: inner.asked,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.0.lock();
        if inner.end.is_some() {
            return;
        }
        change(&mut inner);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Reader(Arc<Shared>);

impl Reader {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut inner = self.0.lock();
        let mut wake = !std::mem::replace(&mut inner.asked, true);
        let polled = if let Some(End::Broken(error)) = &mut inner.end {
            Poll::Ready(error.take().map(Err))
        } else if !inner.data.is_empty() {
            let data = inner.data.split().freeze();
            inner.read += data.len();
            inner.left = inner
                .left
                .map(|left| left.saturating_sub(data.len() as u64));
            wake = true;
            Poll::Ready(Some(Ok(Frame::data(data))))
        } else if inner.end.is_some() {
            let trailers = inner.trailers.take();
            Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
        } else {
            inner.reader = Some(cx.waker().clone());
            Poll::Pending
        };
        drop(inner);
        if wake {
            self.0.signal.wake_by_ref();
        }
        polled
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let inner = self.0.lock();
        let ended = matches!(inner.end, Some(End::Clean));
        ended && inner.data.is_empty() && inner.trailers.is_none()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let left = self.0.lock().left;
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.abandoned = true;
        inner.read += inner.data.len();
        inner.data = BytesMut::new();
        drop(inner);
        self.0.signal.wake_by_ref();
    }
}
