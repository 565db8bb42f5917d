//! A reader's place in a body that is arriving.

use std::{
    ops::Range,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{Growing, state::Phase};
use crate::{ReadError, body::Extents};

/// A reader's place in a growing body.
#[derive(Debug)]
pub(in crate::body) struct Follower {
    pub(super) growing: Arc<Growing>,
    pub(super) id: u64,
}

/// What a follower finds.
pub(in crate::body) enum Step {
    Chunk(Bytes),
    /// The body is kept now: read on in it.
    Kept(Extents),
    End,
    Failed(ReadError),
}

impl Follower {
    /// The first of the bytes wanted.
    pub(in crate::body) fn poll(&self, wanted: Range<u64>, cx: &Context<'_>) -> Poll<Step> {
        let mut state = self.growing.lock();
        if let Some(chunk) = state.chunk(wanted.clone()) {
            let position = wanted.start + chunk.len() as u64;
            if state.followers.advance(self.id, position) {
                self.growing.slowest_moved(state);
            }
            return Poll::Ready(Step::Chunk(chunk));
        }
        match &state.phase {
            Phase::Kept(extents) => Poll::Ready(Step::Kept(extents.clone())),
            Phase::Ended => Poll::Ready(Step::End),
            Phase::Abandoned => Poll::Ready(Step::Failed(ReadError::Abandoned)),
            Phase::Arriving => {
                state.followers.wait(self.id, cx);
                Poll::Pending
            }
        }
    }

    /// Position after the last byte, once known.
    pub(in crate::body) fn known_end(&self) -> Option<u64> {
        self.growing.known_end()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut state = self.growing.lock();
        if state.followers.leave(self.id) {
            self.growing.slowest_moved(state);
        }
    }
}
