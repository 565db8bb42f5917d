//! A growing body that goes to disk while it comes.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::Growing;
use crate::{
    body::{BLOCK, Extent, Extents, Medium, Spooled, Whole},
    budget::Claim,
    disk::log::{MAX_STRETCH, Stretch},
    spool::Spool,
};

/// Blocks that are given to the disk at once.
const STRETCH_BLOCKS: usize = MAX_STRETCH / BLOCK;

/// Whether more of the budget was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    Yes,
    /// There is none, and none is about to come.
    No,
    /// The disk lags behind, and a follower waits for more.
    Contested,
}

/// For the writer.
impl Growing {
    /// Claims more of the budget; waits for what the disk is about to write. Does not wait where a
    /// follower waits for more, unless `patient`.
    pub(crate) fn poll_claim(&self, bytes: u64, patient: bool, cx: &Context<'_>) -> Poll<Claimed> {
        let mut state = self.lock();
        if self.budget.claim(bytes) {
            state.claimed += bytes;
            return Poll::Ready(Claimed::Yes);
        }
        if state.queued == 0 {
            return Poll::Ready(Claimed::No);
        }
        if !patient && state.followers.any_waits_for(state.end) {
            return Poll::Ready(Claimed::Contested);
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives the blocks so far to the disk, in stretches of [`MAX_STRETCH`], until it takes no more.
    /// Returns how many bytes it has taken.
    pub(crate) fn spool(self: &Arc<Self>, to: &dyn Spool) -> u64 {
        let mut taken = 0;
        loop {
            let blocks = self.lock().sealed(STRETCH_BLOCKS);
            if blocks.len() < STRETCH_BLOCKS {
                return taken;
            }
            let Some(spooled) = self.give(to, blocks) else {
                return taken;
            };
            let mut state = self.lock();
            let length = state.spool(STRETCH_BLOCKS, Arc::clone(&spooled));
            // This much of the claim goes with the stretch, until it is written.
            state.claimed = state.claimed.saturating_sub(length);
            drop(state);
            spooled.answers_for(Claim::taken_over(&self.budget, length));
            taken += length;
        }
    }

    /// All that has come in blocks, and these behind it: given to the disk as far as it takes them.
    pub(crate) fn finish(self: &Arc<Self>, to: Option<&dyn Spool>, rest: Vec<Bytes>) -> Extents {
        let state = self.lock();
        let (mut extents, mut end) = (state.spooled().to_vec(), state.end_of_spooled());
        let mut blocks = state.sealed(usize::MAX);
        drop(state);
        blocks.extend(rest);
        while let Some(to) = to
            && !blocks.is_empty()
        {
            let stretch = blocks[..blocks.len().min(STRETCH_BLOCKS)].to_vec();
            let count = stretch.len();
            let Some(spooled) = self.give(to, stretch) else {
                break;
            };
            // The claim of the fill is about to end.
            spooled.answers_for(Claim::new(&self.budget, spooled.length()));
            let extent = Extent::new(end, Medium::Spooled(spooled));
            end = extent.end();
            extents.push(extent);
            blocks.drain(..count);
        }
        if !blocks.is_empty() || extents.is_empty() {
            let whole = Medium::Memory(Whole::new(blocks));
            extents.push(Extent::new(end, whole));
        }
        Extents::of(extents)
    }

    /// Gives these blocks to the disk, if it takes them.
    fn give(self: &Arc<Self>, to: &dyn Spool, blocks: Vec<Bytes>) -> Option<Arc<Spooled>> {
        let spooled = Arc::new(Spooled::new(Whole::new(blocks.clone())));
        let (growing, written) = (Arc::downgrade(self), Arc::clone(&spooled));
        let done = move |stretch: Option<Stretch>| {
            if let Some(stretch) = stretch {
                written.is_written(stretch);
            }
            if let Some(growing) = growing.upgrade() {
                growing.one_is_done();
            }
        };
        self.lock().queued += 1;
        if to.write(blocks, Box::new(done)).is_err() {
            self.one_is_done();
            return None;
        }
        Some(spooled)
    }

    /// The disk has written a stretch, or could not.
    fn one_is_done(&self) {
        let mut state = self.lock();
        state.queued = state.queued.saturating_sub(1);
        self.wake_writer(state);
    }

    /// What was given to the disk.
    pub(crate) fn spooled(&self) -> Extents {
        Extents::of(self.lock().spooled().to_vec())
    }
}
