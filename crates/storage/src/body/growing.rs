//! A body that is arriving: one writer, any number of followers, one list of pieces.
//!
//! While it is kept, every piece stays, and turns into blocks as they fill up; what is given to the
//! disk leaves memory when it is written. Once it is not kept, the pieces that the slowest follower
//! has passed are dropped, and the writer waits for it, though not for long if another one waits for
//! more.

mod follower;
mod spooling;
mod state;

pub(super) use follower::{Follower, Step};
pub(crate) use spooling::Claimed;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use super::{Extents, ReadError};
use crate::{FillError, budget::Budget};
use state::{Held, Phase, State};

/// A body that is arriving.
pub(crate) struct Growing {
    /// Position of its first byte in the complete representation.
    first: u64,
    /// How many bytes will come.
    stated: Option<u64>,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

/// Whether the writer may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Free,
    /// A follower lags behind, and another one waits for more.
    Contested,
}

/// For the writer.
impl Growing {
    /// A body without a byte yet. `claimed` bytes of the budget are its own from now on.
    pub(crate) fn new(
        first: u64,
        stated: Option<u64>,
        budget: Arc<Budget>,
        kept: bool,
        claimed: u64,
    ) -> Self {
        Growing {
            first,
            stated,
            budget,
            state: Mutex::new(State::new(first, kept, claimed)),
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
        state.seal(block);
        self.wake_followers(state);
    }

    /// From now on, holds only what its followers have yet to read.
    pub(crate) fn stop_keeping(&self) {
        let mut state = self.lock();
        state.kept = false;
        state.trim(&self.budget);
    }

    /// Waits until the slowest follower is within `window` bytes of the end, unless kept. Before
    /// the first follower comes, the first byte counts as its place. Does not wait where another
    /// follower waits for more, unless `patient`.
    pub(crate) fn poll_room(
        &self,
        window: u64,
        patient: bool,
        cx: &Context<'_>,
    ) -> Poll<Result<Room, FillError>> {
        let mut state = self.lock();
        if state.kept {
            return Poll::Ready(Ok(Room::Free));
        }
        let slowest = state.followers.slowest();
        let has_room = state.lag(slowest.unwrap_or(self.first)) <= window;
        match slowest {
            None if state.followers.any_came() => Poll::Ready(Err(FillError::NoReaders)),
            _ if has_room => Poll::Ready(Ok(Room::Free)),
            None => Poll::Ready(Err(FillError::NoReaders)),
            Some(_) if !patient && state.followers.any_waits_for(state.end) => {
                Poll::Ready(Ok(Room::Contested))
            }
            Some(_) => {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Holds nothing any more for followers that are more than `window` bytes behind.
    pub(crate) fn let_go(&self, window: u64) {
        let mut state = self.lock();
        let from = state.end.saturating_sub(window);
        state.followers.let_go_before(from);
        state.trim(&self.budget);
    }

    /// Whether nobody reads it now.
    pub(crate) fn is_unread(&self) -> bool {
        self.lock().followers.slowest().is_none()
    }

    /// Waits until nobody reads it.
    pub(crate) fn poll_unread(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.followers.slowest().is_none() {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// It is stored as these extents; followers go on in them.
    pub(crate) fn become_kept(&self, extents: Extents) {
        let mut state = self.lock();
        state.become_kept(extents);
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
    /// Position of its first byte.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Position after the last byte that has come.
    pub(crate) fn reached(&self) -> u64 {
        self.lock().end
    }

    /// How many bytes it has, once known.
    pub(crate) fn length(&self) -> Option<u64> {
        Some(self.known_end()?.saturating_sub(self.first))
    }

    /// Position after its last byte, once known.
    pub(crate) fn known_end(&self) -> Option<u64> {
        let stated = self.stated.map(|length| self.first.saturating_add(length));
        stated.or_else(|| {
            let state = self.lock();
            matches!(state.phase, Phase::Kept(_) | Phase::Ended).then_some(state.end)
        })
    }

    /// Whether the byte at this position has come and is not held any more.
    pub(crate) fn has_passed(&self, position: u64) -> bool {
        let state = self.lock();
        let held = state.held(position..position.saturating_add(1));
        matches!(held, Held::Passed) && !matches!(state.phase, Phase::Kept(_))
    }

    /// Follows it from the byte at `position` on.
    pub(super) fn follow(self: &Arc<Self>, position: u64) -> Result<Follower, ReadError> {
        if position < self.first {
            return Err(ReadError::NotHeld);
        }
        let mut state = self.lock();
        match (
            state.held(position..position.saturating_add(1)),
            &state.phase,
        ) {
            (_, Phase::Kept(_)) => {}
            (Held::Passed, _) => return Err(ReadError::Passed),
            (Held::Nothing, Phase::Abandoned) => return Err(ReadError::Abandoned),
            _ => {}
        }
        Ok(Follower {
            id: state.followers.join(position),
            growing: Arc::clone(self),
        })
    }

    /// The slowest follower has moved: drops what nobody needs, and lets the writer go on.
    fn slowest_moved(&self, mut state: MutexGuard<'_, State>) {
        state.trim(&self.budget);
        self.wake_writer(state);
    }

    /// A follower waits for more: the writer may wait for those that are slower no longer.
    fn follower_waits(&self, state: MutexGuard<'_, State>) {
        self.wake_writer(state);
    }

    fn wake_writer(&self, mut state: MutexGuard<'_, State>) {
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
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
