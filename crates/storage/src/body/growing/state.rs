//! What the writer and the followers of a growing body share.

use std::{collections::VecDeque, ops::Range, sync::Arc, task::Waker};

use bytes::{Bytes, BytesMut};

use crate::{
    body::{Extent, Extents, Medium, Spooled, followers::Followers},
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
    /// What was given to the disk, from the first byte on: it stays for as long as there are
    /// readers, and takes no memory once it is written.
    spooled: Vec<Extent>,
    /// How many of these the disk has yet to write.
    pub(super) queued: usize,
    /// Adjacent pieces behind them, from the first byte still held to the last that came.
    pieces: VecDeque<Piece>,
    /// How many pieces at the back are not in a block yet.
    loose: usize,
    /// Position of the body's first byte.
    first: u64,
    /// Position after the last byte that came.
    pub(super) end: u64,
    /// Bytes claimed of the budget, but for those that were given to the disk.
    pub(super) claimed: u64,
    pub(super) followers: Followers,
    /// The writer, if it waits for followers, or for the disk.
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

/// What is held of the bytes wanted.
pub(super) enum Held {
    Piece(Bytes),
    /// On its way to disk, or there.
    Spooled(Extent),
    /// It was let go.
    Passed,
    /// It has yet to come.
    Nothing,
}

impl State {
    /// Nothing has come yet.
    pub(super) fn new(first: u64, kept: bool, claimed: u64) -> Self {
        State {
            phase: Phase::Arriving,
            kept,
            spooled: Vec::new(),
            queued: 0,
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
        match self.spooled.first() {
            Some(extent) => extent.start,
            None => self.start_of_pieces(),
        }
    }

    fn start_of_pieces(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    /// Position after the last byte that was given to the disk.
    pub(super) fn end_of_spooled(&self) -> u64 {
        self.spooled.last().map_or(self.first, Extent::end)
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
        let spooled = self.end_of_spooled();
        let start = self.pieces.back().map_or(spooled, Piece::end);
        self.end = start + block.len() as u64;
        self.pieces.push_back(Piece {
            start,
            bytes: block,
        });
    }

    /// The blocks that were not given to the disk, the first ones up to this many.
    pub(super) fn sealed(&self, at_most: usize) -> Vec<Bytes> {
        let sealed = self.pieces.len() - self.loose;
        let blocks = self.pieces.iter().take(sealed.min(at_most));
        blocks.map(|piece| piece.bytes.clone()).collect()
    }

    /// The first so many blocks are with the disk. Returns how many bytes they have.
    pub(super) fn spool(&mut self, blocks: usize, spooled: Arc<Spooled>) -> u64 {
        let extent = Extent::new(self.end_of_spooled(), Medium::Spooled(spooled));
        let length = extent.length;
        self.pieces.drain(..blocks.min(self.pieces.len()));
        self.spooled.push(extent);
        length
    }

    /// What was given to the disk.
    pub(super) fn spooled(&self) -> &[Extent] {
        &self.spooled
    }

    /// Leaves the bytes to these extents.
    pub(super) fn become_kept(&mut self, extents: Extents) {
        self.end = extents.end().max(self.first);
        self.phase = Phase::Kept(extents);
        self.spooled = Vec::new();
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
        self.loose = self.loose.min(self.pieces.len());
        let held = self.end - self.start_of_pieces();
        budget.change(std::mem::replace(&mut self.claimed, held), held);
    }

    /// How far the end is ahead of a position, of what takes memory.
    pub(super) fn lag(&self, position: u64) -> u64 {
        self.end.saturating_sub(position.max(self.end_of_spooled()))
    }

    /// The first of the bytes wanted, as many as one piece holds.
    pub(super) fn held(&self, wanted: Range<u64>) -> Held {
        if wanted.start < self.end_of_spooled() {
            let index = self
                .spooled
                .partition_point(|extent| extent.end() <= wanted.start);
            return match self.spooled.get(index) {
                Some(extent) => Held::Spooled(extent.clone()),
                None => Held::Passed,
            };
        }
        let index = self
            .pieces
            .partition_point(|piece| piece.end() <= wanted.start);
        let Some(piece) = self.pieces.get(index) else {
            return match wanted.start < self.end {
                true => Held::Passed,
                false => Held::Nothing,
            };
        };
        let Some(from) = wanted.start.checked_sub(piece.start) else {
            return Held::Passed;
        };
        let to = wanted.end.min(piece.end()).saturating_sub(piece.start);
        match from < to {
            true => Held::Piece(piece.bytes.slice(from as usize..to as usize)),
            false => Held::Nothing,
        }
    }
}
