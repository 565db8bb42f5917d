//! What is stored under a key, looked at where it stands.

use std::ops::Range;

use bytes::Bytes;
use perigee_http_cache::PackedHead;

use crate::{
    Body, StoredId,
    memory::{Seen, View, copied},
};

/// The stored responses of one key, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Hits<'a>(View<'a>);

impl<'a> Hits<'a> {
    pub(crate) fn new(view: View<'a>) -> Self {
        Hits(view)
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Hit<'a>> {
        self.0.hits()
    }
}

/// A stored response, looked at where it stands: nothing of it is copied or taken out.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    head: PackedHead<'a>,
    piece: Seen<'a>,
    body: Option<&'a Body>,
}

impl<'a> Hit<'a> {
    pub(crate) fn new(head: PackedHead<'a>, piece: Seen<'a>, body: Option<&'a Body>) -> Self {
        Hit { head, piece, body }
    }

    /// Its head.
    pub fn head(&self) -> PackedHead<'a> {
        self.head
    }

    /// What it is known by.
    pub fn id(&self) -> StoredId {
        self.piece.id()
    }

    /// All bytes of its body, if they are there in one piece.
    pub fn bytes(&self) -> Option<Bytes> {
        match self.body {
            None => Some(copied(self.piece.body())),
            Some(body) => body.in_one().cloned(),
        }
    }

    /// These bytes of its body, where they stand, if it is small; there must be some.
    pub fn in_place(&self, range: Range<u64>) -> Option<&'a [u8]> {
        match self.body {
            None => self.piece.part_of_body(range),
            Some(_) => None,
        }
    }

    /// These bytes of its body, if it has them in memory in one piece; there must be some.
    pub fn at_hand(&self, range: Range<u64>) -> Option<Bytes> {
        match self.body {
            None => self.piece.part_of_body(range).map(copied),
            Some(body) => body.at_hand(range),
        }
    }

    /// Its body.
    pub fn body(&self) -> Body {
        match self.body {
            None => Body::of_one(Bytes::copy_from_slice(self.piece.body())),
            Some(body) => body.clone(),
        }
    }

    /// How many bytes its body has, if that is known; of a part those that are held.
    pub fn body_length(&self) -> Option<u64> {
        match self.body {
            None => Some(self.piece.body_length()),
            Some(body) => body.length(),
        }
    }

    /// Whether some of its bytes must be read from a disk.
    pub(crate) fn is_cold(&self) -> bool {
        self.body.is_some_and(Body::is_cold)
    }
}
