//! A reader's place in a body that is arriving.

use std::{
    ops::Range,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{
    Growing,
    state::{Held, Phase},
};
use crate::{
    ReadError,
    body::{Extent, Extents},
};

/// A reader's place in a growing body.
#[derive(Debug)]
pub(in crate::body) struct Follower {
    pub(super) growing: Arc<Growing>,
    pub(super) id: u64,
}

/// What a follower finds.
pub(in crate::body) enum Step {
    Chunk(Bytes),
    /// The first of the bytes wanted are in this extent.
    Spooled(Extent),
    /// The body is kept now: read on in it.
    Kept(Extents),
    End,
    Failed(ReadError),
}

impl Follower {
    /// The first of the bytes wanted.
    pub(in crate::body) fn poll(&self, wanted: Range<u64>, cx: &Context<'_>) -> Poll<Step> {
        let mut state = self.growing.lock();
        if let Phase::Kept(extents) = &state.phase {
            return Poll::Ready(Step::Kept(extents.clone()));
        }
        let position = wanted.start;
        match state.held(wanted) {
            Held::Piece(chunk) => {
                if state
                    .followers
                    .advance(self.id, position + chunk.len() as u64)
                {
                    self.growing.slowest_moved(state);
                }
                Poll::Ready(Step::Chunk(chunk))
            }
            Held::Spooled(extent) => {
                if state.followers.advance(self.id, position) {
                    self.growing.slowest_moved(state);
                }
                Poll::Ready(Step::Spooled(extent))
            }
            Held::Passed => Poll::Ready(Step::Failed(ReadError::Passed)),
            Held::Nothing => match &state.phase {
                Phase::Kept(_) | Phase::Ended => Poll::Ready(Step::End),
                Phase::Abandoned => Poll::Ready(Step::Failed(ReadError::Abandoned)),
                Phase::Arriving => {
                    state.followers.wait(self.id, position, cx);
                    self.growing.follower_waits(state);
                    Poll::Pending
                }
            },
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
