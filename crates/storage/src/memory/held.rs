//! What is held of one key.

use std::sync::Arc;

use perigee_http_cache::CacheKey;

use super::{
    heap::HOLES,
    piece::{Piece, Seen},
};
use crate::{Body, Stored, hits::Hit};

/// A list that is shared: its two counters, and the allocator's own bookkeeping.
const SHARED: u64 = 2 * size_of::<usize>() as u64 + 16;

/// The stored responses of one key, newest first, apart from where they stand. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// Most keys have one, and that is small.
    One(Piece),
    Many(Arc<[Kept]>),
}

/// A response, of which the body is elsewhere if it is large.
#[derive(Debug)]
pub(crate) struct Kept {
    piece: Piece,
    body: Option<Body>,
}

/// What is held of a key, looked at where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    One(Seen<'a>),
    Many(&'a [Kept]),
}

impl Held {
    /// `None` of none.
    pub(in crate::memory) fn pack(key: &str, all: &[Stored]) -> Option<Held> {
        let pack = |stored| {
            let (piece, body) = Piece::pack(key, stored);
            Kept { piece, body }
        };
        match all {
            [] => None,
            // In the heap it is copied, and most are in the heap.
            [one] => Some(match Piece::pack_briefly(key, one) {
                (piece, None) => Held::One(piece),
                (piece, body) => {
                    let piece = piece.staying();
                    Held::Many(Arc::new([Kept { piece, body }]))
                }
            }),
            all => Some(Held::Many(all.iter().map(pack).collect())),
        }
    }

    /// Each as it was.
    pub(in crate::memory) fn unpack(&self) -> impl Iterator<Item = Stored> {
        self.pieces().filter_map(|(piece, body)| piece.unpack(body))
    }

    pub(in crate::memory) fn view(&self) -> View<'_> {
        match self {
            Held::One(piece) => View::One(piece.seen()),
            Held::Many(all) => View::Many(all),
        }
    }

    /// Bytes of memory that they take where each stands by itself.
    pub(in crate::memory) fn weight(&self) -> u64 {
        let list = match self {
            Held::One(_) => 0,
            Held::Many(all) => SHARED + size_of_val::<[Kept]>(all) as u64,
        };
        let weigh = |(piece, body): (&Piece, Option<&Body>)| {
            piece.weight() + body.map_or(0, |body| body.weight())
        };
        with_holes(list + self.pieces().map(weigh).sum::<u64>())
    }

    fn pieces(&self) -> impl Iterator<Item = (&Piece, Option<&Body>)> {
        let (one, many) = match self {
            Held::One(piece) => (Some(piece), &[][..]),
            Held::Many(all) => (None, &all[..]),
        };
        let many = many.iter().map(|kept| (&kept.piece, kept.body.as_ref()));
        one.map(|piece| (piece, None)).into_iter().chain(many)
    }
}

impl<'a> View<'a> {
    /// Each where it stands.
    pub(crate) fn hits(self) -> impl Iterator<Item = Hit<'a>> {
        let pieces = self.pieces();
        pieces.filter_map(|(piece, body)| Some(Hit::new(piece.head()?, piece, body)))
    }

    /// The bodies that are not in a piece.
    pub(in crate::memory) fn large_bodies(self) -> impl Iterator<Item = &'a Body> {
        self.pieces().filter_map(|(_, body)| body)
    }

    /// How many responses.
    pub(in crate::memory) fn count(self) -> usize {
        self.pieces().count()
    }

    pub(in crate::memory) fn is_of(self, key: &[u8]) -> bool {
        self.key_text() == key
    }

    pub(in crate::memory) fn key(self) -> CacheKey {
        CacheKey::from_text(&String::from_utf8_lossy(self.key_text()))
    }

    pub(in crate::memory) fn key_text(self) -> &'a [u8] {
        self.pieces().next().map_or(&[], |(piece, _)| piece.key())
    }

    fn pieces(self) -> impl Iterator<Item = (Seen<'a>, Option<&'a Body>)> {
        let (one, many) = match self {
            View::One(piece) => (Some(piece), &[][..]),
            View::Many(all) => (None, all),
        };
        let many = many
            .iter()
            .map(|kept| (kept.piece.seen(), kept.body.as_ref()));
        one.map(|piece| (piece, None)).into_iter().chain(many)
    }
}

/// While objects of all sizes come and go, holes stay between them: in an allocator of an eighth of what
/// is held under steady churn (see bench/README.md), in a heap of as much at the most.
pub(in crate::memory) fn with_holes(bytes: u64) -> u64 {
    bytes + bytes / HOLES
}

/// Bytes of memory of one response under a key that has more of them, about.
pub(in crate::memory) fn weight_of(stored: &Stored) -> u64 {
    size_of::<Kept>() as u64 + Piece::weight_of(stored) + stored.body.weight()
}

#[cfg(test)]
pub(in crate::memory) mod tests;
