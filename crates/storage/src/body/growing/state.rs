//! What the writer and the followers of a growing body share.

use std::{collections::VecDeque, ops::Range, task::Waker};

use bytes::{Bytes, BytesMut};

use crate::{
    body::{Extents, followers::Followers},
    budget::Budget,
};

/// A piece shorter than this is copied, and joined to a short one before it: it is likely a slice
/// of a much larger read buffer, all of which it would keep in memory, and a source that sends
/// single bytes would fill the list with them. Followers lose nothing by it, as they ask by offset.
const SHORT: usize = 8 << 10;

/// Under one lock, held briefly.
pub(super) struct State {
    pub(super) phase: Phase,
    /// Whether it is to be stored.
    pub(super) kept: bool,
    /// Adjacent pieces, from the first byte still held to the last that came.
    pieces: VecDeque<Piece>,
    /// How many pieces at the back are not in a block yet.
    loose: usize,
    /// Position of the body's first byte.
    first: u64,
    /// Position after the last byte that came.
    pub(super) end: u64,
    /// Bytes claimed of the budget.
    pub(super) claimed: u64,
    pub(super) followers: Followers,
    /// The writer, if it waits for followers.
    pub(super) writer: Option<Waker>,
}

/// How far it has come.
pub(super) enum Phase {
    Arriving,
    /// Committed and stored.
    Kept(Extents),
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

impl State {
    /// Nothing has come yet.
    pub(super) fn new(first: u64, kept: bool, claimed: u64) -> Self {
        State {
            phase: Phase::Arriving,
            kept,
            pieces: VecDeque::new(),
            loose: 0,
            first,
            end: first,
            claimed,
            followers: Followers::default(),
            writer: None,
        }
    }

    /// Position of the first byte still held.
    pub(super) fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    /// Appends a piece that is in no block, or not yet.
    pub(super) fn push(&mut self, piece: Bytes) {
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

    /// Appends a block, which takes the place of the loose pieces before it.
    pub(super) fn seal(&mut self, block: Bytes) {
        let sealed = self.pieces.len() - self.loose;
        self.pieces.truncate(sealed);
        self.loose = 0;
        let start = self.pieces.back().map_or(self.first, Piece::end);
        self.end = start + block.len() as u64;
        self.pieces.push_back(Piece {
            start,
            bytes: block,
        });
    }

    /// The blocks so far.
    pub(super) fn sealed(&self) -> Vec<Bytes> {
        let sealed = self.pieces.len() - self.loose;
        let blocks = self.pieces.iter().take(sealed);
        blocks.map(|piece| piece.bytes.clone()).collect()
    }

    /// Leaves the bytes to these extents.
    pub(super) fn become_kept(&mut self, extents: Extents) {
        self.end = extents.end().max(self.first);
        self.phase = Phase::Kept(extents);
        self.pieces = VecDeque::new();
        self.loose = 0;
    }

    /// Drops what every follower has read, unless kept. Until the first follower comes, all is
    /// held for it: it may be about to come.
    pub(super) fn trim(&mut self, budget: &Budget) {
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
    pub(super) fn chunk(&self, wanted: Range<u64>) -> Option<Bytes> {
        let index = self
            .pieces
            .partition_point(|piece| piece.end() <= wanted.start);
        let piece = self.pieces.get(index)?;
        let from = wanted.start.checked_sub(piece.start)? as usize;
        let to = wanted.end.min(piece.end()).checked_sub(piece.start)? as usize;
        (from < to).then(|| piece.bytes.slice(from..to))
    }
}
