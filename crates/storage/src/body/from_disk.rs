//! Reading bytes that are on disk, without holding up whoever else runs on the thread.

use std::{
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::ReadError;
use crate::disk::log::{Damaged, Place, Stretch};

/// What one reader has under way: one read at a time.
///
/// What is in the page cache is read at once. Else a thread waits for the disk; and as long as
/// one has to, the block behind is asked for, too, while this one is sent.
#[derive(Debug, Default)]
pub(super) struct FromDisk {
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    /// Where the stretch is, and which of its bytes is the first.
    from: (Place, u64),
    read: JoinHandle<Result<Bytes, Damaged>>,
}

impl FromDisk {
    /// The first of these bytes of a stretch, as many as one block has; `None` past its end.
    pub(super) fn poll(
        &mut self,
        stretch: &Stretch,
        wanted: &Range<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, ReadError>>> {
        let mut waited = self.is_under_way(stretch, wanted.start);
        let block = match waited {
            true => ready!(self.poll_under_way(cx)),
            false => match stretch.read_now(wanted.start) {
                Ok(Some(block)) => Ok(block),
                Ok(None) => {
                    waited = true;
                    self.begin(stretch, wanted.start);
                    ready!(self.poll_under_way(cx))
                }
                Err(damaged) => Err(damaged),
            },
        };
        let Ok(mut block) = block else {
            return Poll::Ready(Some(Err(ReadError::Damaged)));
        };
        let next = wanted.start + block.len() as u64;
        if waited && next < wanted.end.min(stretch.length()) {
            self.begin(stretch, next);
        }
        let length = wanted.end.saturating_sub(wanted.start);
        block.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Poll::Ready((!block.is_empty()).then_some(Ok(block)))
    }

    fn is_under_way(&self, stretch: &Stretch, at: u64) -> bool {
        let from = (stretch.place(), at);
        self.under_way.as_ref().is_some_and(|it| it.from == from)
    }

    /// Has a thread read from `at` to the end of its block. What was under way is not waited for.
    fn begin(&mut self, stretch: &Stretch, at: u64) {
        let (from, stretch) = ((stretch.place(), at), stretch.clone());
        let read = tokio::task::spawn_blocking(move || stretch.read(at));
        self.under_way = Some(UnderWay { from, read });
    }

    fn poll_under_way(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Damaged>> {
        let Some(under_way) = &mut self.under_way else {
            return Poll::Ready(Err(Damaged::Gone));
        };
        let read = ready!(Pin::new(&mut under_way.read).poll(cx));
        self.under_way = None;
        // A thread that was not let begin has read nothing: the process is about to end.
        Poll::Ready(read.unwrap_or(Err(Damaged::Gone)))
    }
}
