//! A body that is arriving: one writer, any number of followers, one list of pieces.
//!
//! While it is kept, every piece stays, and turns into blocks as they fill up. Once it is not, the
//! pieces that the slowest follower has passed are dropped, and the writer waits for it.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};

use super::{ReadError, Whole, followers::Followers};
use crate::{FillError, budget::Budget};

/// A piece shorter than this is copied, and joined to a short one before it: it is likely a slice
/// of a much larger read buffer, all of which it would keep in memory, and a source that sends
/// single bytes would fill the list with them. Followers lose nothing by it, as they ask by offset.
const SHORT: usize = 8 << 10;

/// A body that is arriving.
pub(crate) struct Growing {
    stated: Option<u64>,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    kept: bool,
    /// Adjacent pieces, from the first byte still held to the last that came.
    pieces: VecDeque<Piece>,
    /// How many pieces at the back are not in a block yet.
    loose: usize,
    /// Offset after the last byte that came.
    end: u64,
    /// Bytes claimed of the budget.
    claimed: u64,
    followers: Followers,
    /// The writer, if it waits for followers.
    writer: Option<Waker>,
}

enum Phase {
    Arriving,
    /// Committed and stored.
    Whole(Whole),
    /// Committed, not stored.
    Ended,
    Abandoned,
}

struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// For the writer.
impl Growing {
    /// A body without a byte yet. `claimed` bytes of the budget are its own from now on.
    pub(crate) fn new(stated: Option<u64>, budget: Arc<Budget>, kept: bool, claimed: u64) -> Self {
        Growing {
            stated,
            budget,
            state: Mutex::new(State {
                phase: Phase::Arriving,
                kept,
                pieces: VecDeque::new(),
                loose: 0,
                end: 0,
                claimed,
                followers: Followers::default(),
                writer: None,
            }),
        }
    }

    /// Claims more of the budget, for bytes that were not stated.
    pub(crate) fn claim(&self, bytes: u64) -> bool {
        let claimed = self.budget.claim(bytes);
        if claimed {
            self.lock().claimed += bytes;
        }
        claimed
    }

    /// Appends a piece that is in no block, or not yet.
    pub(crate) fn push(&self, piece: Bytes) {
        let mut state = self.lock();
        state.push(piece);
        state.trim(&self.budget);
        self.wake_followers(state);
    }

    /// Appends a block, which takes the place of the loose pieces before it.
    pub(crate) fn seal(&self, block: Bytes) {
        let mut state = self.lock();
        let sealed = state.pieces.len() - state.loose;
        state.pieces.truncate(sealed);
        state.loose = 0;
        let start = state.pieces.back().map_or(0, Piece::end);
        state.end = start + block.len() as u64;
        state.pieces.push_back(Piece {
            start,
            bytes: block,
        });
        self.wake_followers(state);
    }

    /// The blocks so far.
    pub(crate) fn sealed(&self) -> Vec<Bytes> {
        let state = self.lock();
        let sealed = state.pieces.len() - state.loose;
        let blocks = state.pieces.iter().take(sealed);
        blocks.map(|piece| piece.bytes.clone()).collect()
    }

    /// From now on, holds only what its followers have yet to read.
    pub(crate) fn stop_keeping(&self) {
        let mut state = self.lock();
        state.kept = false;
        state.trim(&self.budget);
    }

    /// Waits until the slowest follower is within `window` bytes of the end, unless kept. Before
    /// the first follower comes, the first byte counts as its place.
    pub(crate) fn poll_room(&self, window: u64, cx: &Context<'_>) -> Poll<Result<(), FillError>> {
        let mut state = self.lock();
        if state.kept {
            return Poll::Ready(Ok(()));
        }
        let slowest = state.followers.slowest();
        if slowest.is_none() && state.followers.any_came() {
            return Poll::Ready(Err(FillError::NoReaders));
        }
        if state.end.saturating_sub(slowest.unwrap_or(0)) <= window {
            return Poll::Ready(Ok(()));
        }
        if slowest.is_none() {
            return Poll::Ready(Err(FillError::NoReaders));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// It is stored as `whole`; followers go on in that.
    pub(crate) fn become_whole(&self, whole: Whole) {
        let mut state = self.lock();
        state.end = whole.length();
        state.phase = Phase::Whole(whole);
        state.pieces = VecDeque::new();
        state.loose = 0;
        self.budget.change(std::mem::take(&mut state.claimed), 0);
        self.wake_followers(state);
    }

    /// All has come with this last piece, and is not stored.
    pub(crate) fn end(&self, last: Bytes) {
        let mut state = self.lock();
        if !last.is_empty() {
            state.push(last);
        }
        self.close(state, Phase::Ended);
    }

    /// The rest will not come. Does nothing once it is stored or ended.
    pub(crate) fn abandon(&self) {
        let state = self.lock();
        if matches!(state.phase, Phase::Arriving) {
            self.close(state, Phase::Abandoned);
        }
    }

    fn close(&self, mut state: MutexGuard<'_, State>, phase: Phase) {
        state.phase = phase;
        state.kept = false;
        state.trim(&self.budget);
        self.wake_followers(state);
    }

    fn wake_followers(&self, mut state: MutexGuard<'_, State>) {
        let end = match state.phase {
            Phase::Arriving => state.end,
            _ => u64::MAX,
        };
        let wakers = state.followers.waiting_before(end);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so a poisoned state is a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For followers.
impl Growing {
    /// The complete length, once known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.stated.or_else(|| {
            let state = self.lock();
            matches!(state.phase, Phase::Whole(_) | Phase::Ended).then_some(state.end)
        })
    }

    /// Follows it from the byte at `position` on.
    pub(super) fn follow(self: &Arc<Self>, position: u64) -> Result<Follower, ReadError> {
        let mut state = self.lock();
        if position < state.start() && !matches!(state.phase, Phase::Whole(_)) {
            return Err(ReadError::Passed);
        }
        Ok(Follower {
            id: state.followers.join(position),
            growing: Arc::clone(self),
        })
    }

    /// The slowest follower has moved: drops what nobody needs, and lets the writer go on.
    fn slowest_moved(&self, mut state: MutexGuard<'_, State>) {
        state.trim(&self.budget);
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

impl State {
    /// Offset of the first byte still held.
    fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    fn push(&mut self, piece: Bytes) {
        let start = self.end;
        self.end += piece.len() as u64;
        match self.pieces.back_mut() {
            Some(before) if before.bytes.len() + piece.len() <= SHORT => {
                let mut joined = BytesMut::with_capacity(before.bytes.len() + piece.len());
                joined.extend_from_slice(&before.bytes);
                joined.extend_from_slice(&piece);
                before.bytes = joined.freeze();
            }
            _ => {
                let bytes = if piece.len() < SHORT {
                    Bytes::copy_from_slice(&piece)
                } else {
                    piece
                };
                self.pieces.push_back(Piece { start, bytes });
                self.loose += 1;
            }
        }
    }

    /// Drops what every follower has read, unless kept. Until the first follower comes, all is
    /// held for it: it may be about to come.
    fn trim(&mut self, budget: &Budget) {
        if self.kept {
            return;
        }
        let needed = match self.followers.slowest() {
            Some(position) => position,
            None if self.followers.any_came() => u64::MAX,
            None => 0,
        };
        while self
            .pieces
            .front()
            .is_some_and(|piece| piece.end() <= needed)
        {
            self.pieces.pop_front();
        }
        let held = self.end - self.start();
        budget.change(std::mem::replace(&mut self.claimed, held), held);
    }

    /// The first of the bytes wanted, as many as one piece holds.
    fn chunk(&self, wanted: Range<u64>) -> Option<Bytes> {
        let index = self
            .pieces
            .partition_point(|piece| piece.end() <= wanted.start);
        let piece = self.pieces.get(index)?;
        let from = wanted.start.checked_sub(piece.start)? as usize;
        let to = wanted.end.min(piece.end()).checked_sub(piece.start)? as usize;
        (from < to).then(|| piece.bytes.slice(from..to))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let claimed = state.claimed;
        self.budget.change(claimed, 0);
    }
}

impl fmt::Debug for Growing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Growing")
            .field("stated", &self.stated)
            .field("kept", &state.kept)
            .field("held", &(state.start()..state.end))
            .finish_non_exhaustive()
    }
}

/// A reader's place in a growing body.
#[derive(Debug)]
pub(super) struct Follower {
    growing: Arc<Growing>,
    id: u64,
}

/// What a follower finds.
pub(super) enum Step {
    Chunk(Bytes),
    /// The body is whole now: read on in it.
    Whole(Whole),
    End,
    Failed(ReadError),
}

impl Follower {
    /// The first of the bytes wanted.
    pub(super) fn poll(&self, wanted: Range<u64>, cx: &Context<'_>) -> Poll<Step> {
        let mut state = self.growing.lock();
        if let Some(chunk) = state.chunk(wanted.clone()) {
            let position = wanted.start + chunk.len() as u64;
            if state.followers.advance(self.id, position) {
                self.growing.slowest_moved(state);
            }
            return Poll::Ready(Step::Chunk(chunk));
        }
        match &state.phase {
            Phase::Whole(whole) => Poll::Ready(Step::Whole(whole.clone())),
            Phase::Ended => Poll::Ready(Step::End),
            Phase::Abandoned => Poll::Ready(Step::Failed(ReadError::Abandoned)),
            Phase::Arriving => {
                state.followers.wait(self.id, cx);
                Poll::Pending
            }
        }
    }

    /// The complete length, once known.
    pub(super) fn length(&self) -> Option<u64> {
        self.growing.length()
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
