//! What waits for the socket: heads that are written here, and bodies by reference, in one row.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// Bytes that wait at most, but for one piece more.
const HIGH_WATER: usize = 256 << 10;

/// Pieces that wait at most, and that go into one write.
const PIECES: usize = 32;

/// Space for heads that is kept between responses.
const KEPT: usize = 16 << 10;

/// Bytes on their way to the client.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// Heads and the lines between chunks.
    text: Vec<u8>,
    /// How much of `text` is sent.
    sent: usize,
    queue: VecDeque<Piece>,
    bytes: usize,
}

#[derive(Debug)]
enum Piece {
    /// So many of the next bytes of `text`.
    Text(usize),
    Body(Bytes),
}

impl Out {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes < HIGH_WATER && self.queue.len() < PIECES
    }

    /// Writes text at the end of the row.
    pub(crate) fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - before;
        self.bytes += length;
        match self.queue.back_mut() {
            _ if length == 0 => {}
            Some(Piece::Text(text)) => *text += length,
            _ => self.queue.push_back(Piece::Text(length)),
        }
    }

    /// Puts bytes of a body at the end of the row.
    pub(crate) fn body(&mut self, data: Bytes) {
        self.bytes += data.len();
        if !data.is_empty() {
            self.queue.push_back(Piece::Body(data));
        }
    }

    /// One write of as much as goes.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let mut text = &self.text[self.sent..];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.queue) {
            *slice = match piece {
                Piece::Text(length) => {
                    let (this, rest) = text.split_at(*length);
                    text = rest;
                    IoSlice::new(this)
                }
                Piece::Body(data) => IoSlice::new(data),
            };
            count += 1;
        }
        let written = ready!(Pin::new(io).poll_write_vectored(cx, &slices[..count]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(piece) = self.queue.front_mut() {
            let length = match piece {
                Piece::Text(length) => {
                    let part = written.min(*length);
                    *length -= part;
                    self.sent += part;
                    written -= part;
                    *length
                }
                Piece::Body(data) => {
                    let part = written.min(data.len());
                    data.advance(part);
                    written -= part;
                    data.len()
                }
            };
            if length > 0 {
                return;
            }
            self.queue.pop_front();
        }
        self.text.clear();
        self.text.shrink_to(KEPT);
        self.sent = 0;
    }
}
