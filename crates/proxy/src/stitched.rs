//! A body that is stitched of stored bytes and fetched ones.
//!
//! [`Stitched`] reads one range of one version of a representation, wherever its bytes are: piece
//! after piece, each out of the store, out of a fetch that is under way, or out of one that is begun
//! for it ([`Seam`]). Each fetch asks on condition that the version is still the same, and brings
//! what lacks and no more; it is one for all who want those bytes, and what it brings is stored for
//! itself, so that nothing is held here but the chunk on its way. A version that has changed ends
//! the body with an error, which the client notices: no answer has bytes of two.
//!
//! A reader that has lost its place (a window has passed it, stored bytes are gone or damaged) goes
//! on by the same way. For such an answer, give [`Stitched::new`] the reader that may lose its place
//! as what is at hand.

mod seam;

pub(crate) use seam::{Cut, Piece, Seam};

use std::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use perigee_storage::ReadError;

/// How many bytes before the end of a piece the next one is looked for.
const AHEAD: u64 = 256 << 10;

/// The next piece, on its way.
type Opening = Pin<Box<dyn Future<Output = Result<Piece, Cut>> + Send>>;

/// Reads a range of one version of a representation, piece by piece.
pub(crate) struct Stitched {
    seam: Arc<Seam>,
    /// Position of the next byte.
    position: u64,
    /// Position after the last one.
    end: u64,
    now: Now,
    /// A piece that comes later, at its position.
    at_hand: Option<Piece>,
    /// The piece that comes next, at this position.
    ahead: Option<(u64, Next)>,
    /// Where a piece was lost last.
    lost_at: Option<u64>,
    /// Whether this piece is fetched for the second time.
    retried: bool,
}

enum Now {
    Reading(Piece),
    Opening(Opening),
    Over,
}

/// What comes after what is being read.
enum Next {
    Opening(Opening),
    Come(Result<Piece, Cut>),
}

impl Stitched {
    /// Reads this range, of which some bytes may be at hand.
    pub(crate) fn new(seam: Arc<Seam>, range: Range<u64>, at_hand: Option<Piece>) -> Self {
        let mut stitched = Stitched {
            seam,
            position: 0,
            end: 0,
            now: Now::Over,
            at_hand,
            ahead: None,
            lost_at: None,
            retried: false,
        };
        stitched.turn_to(range);
        stitched
    }

    /// Reads another range.
    pub(crate) fn turn_to(&mut self, range: Range<u64>) {
        (self.position, self.end) = (range.start, range.end);
        (self.ahead, self.lost_at, self.retried) = (None, None, false);
        self.now = match range.is_empty() {
            true => Now::Over,
            false => self.next_piece(),
        };
    }

    /// Bytes still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.end - self.position
    }

    /// The next chunk; `None` at the end, and after an error.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            let cut = match &mut self.now {
                Now::Over => return Poll::Ready(None),
                Now::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(piece) => {
                        self.now = Now::Reading(piece);
                        continue;
                    }
                    Err(cut) => cut,
                },
                Now::Reading(piece) => match ready!(piece.reader.poll_chunk(cx)) {
                    Some(Ok(chunk)) => {
                        self.position += chunk.len() as u64;
                        let piece_ends = piece.end;
                        self.look_ahead(piece_ends, cx);
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                    Some(Err(error)) => Cut::Lost(error),
                    None if self.position < piece.end => Cut::Lost(ReadError::NotHeld),
                    None if self.position < self.end => {
                        self.retried = false;
                        self.now = self.next_piece();
                        continue;
                    }
                    None => {
                        self.now = Now::Over;
                        continue;
                    }
                },
            };
            self.now = match self.may_go_on(&cut) {
                true => Now::Opening(self.open(self.position, &cut)),
                false => {
                    self.now = Now::Over;
                    self.seam.tell(&cut, self.position);
                    return Poll::Ready(Some(Err(cut)));
                }
            };
        }
    }

    /// What is lost is fetched, once at each position; a fetch that fails is repeated, once for
    /// each piece.
    fn may_go_on(&mut self, cut: &Cut) -> bool {
        match cut {
            Cut::Changed => false,
            Cut::Lost(ReadError::Abandoned) | Cut::Failed => {
                !std::mem::replace(&mut self.retried, true)
            }
            Cut::Lost(_) => self.lost_at.replace(self.position) != Some(self.position),
        }
    }

    fn next_piece(&mut self) -> Now {
        let position = self.position;
        if let Some(piece) = self.at_hand.take_if(|piece| piece.start == position) {
            return Now::Reading(piece);
        }
        match self.ahead.take() {
            Some((at, Next::Opening(opening))) if at == position => Now::Opening(opening),
            Some((at, Next::Come(come))) if at == position => {
                Now::Opening(Box::pin(std::future::ready(come)))
            }
            _ => Now::Opening(self.open(position, &Cut::Failed)),
        }
    }

    /// The bytes from this position on; `after` something else there has come to nothing.
    fn open(&self, position: u64, after: &Cut) -> Opening {
        let is_damaged = matches!(
            after,
            Cut::Lost(error) if !matches!(error, ReadError::Abandoned | ReadError::Passed)
        );
        // Up to what is at hand, at most.
        let at_hand = self.at_hand.as_ref().map(|piece| piece.start);
        let end = at_hand
            .filter(|start| *start > position)
            .unwrap_or(self.end);
        let wanted = position..end.min(self.end);
        Box::pin(Arc::clone(&self.seam).open(wanted, !is_damaged))
    }

    /// Begins to look for the next piece when this one is nearly read: one at most.
    fn look_ahead(&mut self, piece_ends: u64, cx: &mut Context<'_>) {
        let is_near = piece_ends.saturating_sub(self.position) <= AHEAD;
        let is_at_hand = self
            .at_hand
            .as_ref()
            .is_some_and(|it| it.start == piece_ends);
        if self.ahead.is_none() && is_near && !is_at_hand && piece_ends < self.end {
            let opening = self.open(piece_ends, &Cut::Failed);
            self.ahead = Some((piece_ends, Next::Opening(opening)));
        }
        // It goes on only when it is asked.
        if let Some((_, Next::Opening(opening))) = &mut self.ahead
            && let Poll::Ready(come) = opening.as_mut().poll(cx)
        {
            self.ahead = Some((piece_ends, Next::Come(come)));
        }
    }
}

impl fmt::Debug for Stitched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stitched")
            .field("position", &self.position)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
