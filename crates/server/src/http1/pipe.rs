//! A request body between its connection, which reads it, and whoever the handler gave it to: that
//! may be another task, and it may want it longer than its response takes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{BodyError, state::State};

/// Bytes, and pieces, of a body that wait for their reader at most, but for one read more.
const READ_AHEAD: usize = 64 << 10;
const MAX_PIECES: usize = 64;

/// What both ends share.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Who fills it.
    connection: Arc<State>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<Frame<Bytes>>,
    bytes: usize,
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

impl Inner {
    fn is_full(&self) -> bool {
        self.bytes >= READ_AHEAD || self.frames.len() >= MAX_PIECES
    }
}

/// What the reader of a body wants of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    /// Nothing has been asked for.
    NotYet,
    /// There is enough for now.
    Full,
    Hungry,
    /// Nobody reads it.
    Abandoned,
}

impl Pipe {
    pub(crate) fn new(connection: &Arc<State>, length: Option<u64>) -> Arc<Self> {
        let inner = Inner {
            left: length,
            ..Inner::default()
        };
        Arc::new(Pipe {
            connection: Arc::clone(connection),
            inner: Mutex::new(inner),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn appetite(&self) -> Appetite {
        let inner = self.lock();
        match (inner.abandoned, inner.asked, inner.is_full()) {
            (true, _, _) => Appetite::Abandoned,
            (_, false, _) => Appetite::NotYet,
            (_, _, true) => Appetite::Full,
            _ => Appetite::Hungry,
        }
    }

    /// One more piece, for the reader.
    pub(crate) fn push(&self, frame: Frame<Bytes>) {
        self.change(|inner| {
            inner.bytes += frame.data_ref().map_or(0, Bytes::len);
            inner.frames.push_back(frame);
        });
    }

    /// The body is whole.
    pub(crate) fn end(&self) {
        self.change(|inner| inner.end = Some(End::Clean));
    }

    /// The body will never be whole.
    pub(crate) fn fail(&self, error: BodyError) {
        self.change(|inner| inner.end = Some(End::Broken(Some(error))));
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let reader = {
            let mut inner = self.lock();
            if inner.end.is_some() {
                return;
            }
            change(&mut inner);
            inner.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Reader(Arc<Pipe>);

impl Reader {
    pub(crate) fn new(pipe: &Arc<Pipe>) -> Self {
        Reader(Arc::clone(pipe))
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut inner = self.0.lock();
        let mut wake = !std::mem::replace(&mut inner.asked, true);
        let polled = if inner.frames.is_empty() {
            match &mut inner.end {
                Some(End::Clean | End::Broken(None)) => Poll::Ready(None),
                Some(End::Broken(error)) => Poll::Ready(error.take().map(Err)),
                None => {
                    inner.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        } else {
            wake |= inner.is_full();
            let frame = inner.frames.pop_front();
            let length = frame
                .as_ref()
                .and_then(Frame::data_ref)
                .map_or(0, Bytes::len);
            inner.bytes -= length;
            inner.left = inner.left.map(|left| left.saturating_sub(length as u64));
            Poll::Ready(frame.map(Ok))
        };
        drop(inner);
        if wake {
            self.0.connection.task.wake();
        }
        polled
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let inner = self.0.lock();
        inner.frames.is_empty() && matches!(inner.end, Some(End::Clean))
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
        inner.frames.clear();
    }
}
