//! One stored response in one piece of memory: what it is known by, the text of its key, its packed
//! head, and its body where that is small. So a hit finds next to each other all that it asks for.

use std::{cell::Cell, ops::Range};

use bytes::Bytes;
use perigee_http_cache::{PackedHead, StoredHead};

use crate::{Body, Revision, Stored, StoredId};

/// A body of so many bytes is copied into the piece: that costs less than a piece of its own would.
const SMALL_BODY: usize = 4 << 10;

/// Before the text of the key: the id, the revision, the length of the key, and that of the head.
const KEY: usize = 24;

/// What a piece costs beside its bytes where it is not in a heap: its handle, the counter of those who share
/// it, and the allocator's own bookkeeping for the two.
const OVERHEAD: u64 = size_of::<Bytes>() as u64 + 24 + 2 * 8;

/// A piece is packed in room of this size at the most that its thread keeps for the next one.
const MOST_ROOM: usize = 16 << 10;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stored response in one piece. Cheap to clone, unless it is on its way to its place.
#[derive(Clone, Debug)]
pub(crate) struct Piece(Block);

#[derive(Clone, Debug)]
enum Block {
    Own(Bytes),
    /// The room of its thread: see [`Piece::copied`].
    Room(Vec<u8>),
}

/// A piece, looked at where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a>(&'a [u8]);

impl Piece {
    /// Of a response that is stored under this key. Hands back the body if that is not in the piece.
    pub(super) fn pack(key: &str, stored: &Stored) -> (Piece, Option<Body>) {
        let (bytes, body) = pack_in(Vec::new(), key, stored);
        (Piece(Block::Own(bytes.into())), body)
    }

    /// The same, in room that the thread has for what is copied to its place at once: see
    /// [`Piece::copied`].
    pub(super) fn pack_briefly(key: &str, stored: &Stored) -> (Piece, Option<Body>) {
        let (bytes, body) = pack_in(ROOM.take(), key, stored);
        (Piece(Block::Room(bytes)), body)
    }

    /// It has been copied to its place: its room is for the next one.
    pub(super) fn copied(self) {
        if let Block::Room(mut room) = self.0
            && room.capacity() <= MOST_ROOM
        {
            room.clear();
            ROOM.set(room);
        }
    }

    /// It stays, and takes no more than it needs.
    pub(super) fn staying(self) -> Piece {
        let copy = Piece::copy_of(self.seen());
        self.copied();
        copy
    }

    /// A copy of one that stands elsewhere.
    pub(super) fn copy_of(seen: Seen<'_>) -> Piece {
        Piece(Block::Own(Bytes::copy_from_slice(seen.0)))
    }

    pub(super) fn seen(&self) -> Seen<'_> {
        Seen(self.bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Block::Own(bytes) => bytes,
            Block::Room(room) => room,
        }
    }

    /// The response as it was packed.
    pub(super) fn unpack(&self, body: Option<&Body>) -> Option<Stored> {
        let copy;
        let bytes = match &self.0 {
            Block::Own(bytes) => bytes,
            Block::Room(room) => {
                copy = Bytes::copy_from_slice(room);
                &copy
            }
        };
        let seen = Seen(bytes);
        let head = StoredHead::unpack(&bytes.slice(seen.head_at()))?;
        let small = || Body::of_one(bytes.slice(seen.body_at()));
        Some(Stored {
            head: head.into(),
            body: body.cloned().unwrap_or_else(small),
            id: seen.id(),
            checked: seen.checked(),
        })
    }

    /// Bytes of memory that it takes by itself.
    pub(super) fn weight(&self) -> u64 {
        self.bytes().len().next_multiple_of(16) as u64 + OVERHEAD
    }

    /// Those of a response before it is packed, without its key.
    pub(super) fn weight_of(stored: &Stored) -> u64 {
        (KEY + stored.head.packed_length()) as u64 + OVERHEAD
    }
}

/// Appends what a piece is of. Hands back the body if that is not in it.
fn pack_in(mut bytes: Vec<u8>, key: &str, stored: &Stored) -> (Vec<u8>, Option<Body>) {
    let small = stored.body.in_one().filter(|body| body.len() <= SMALL_BODY);
    let body = small.map_or(&[][..], |body| body);
    // Room that has served before grows where it must.
    if bytes.capacity() == 0 {
        let head = stored.head.packed_length();
        bytes.reserve_exact(KEY + key.len() + head + body.len());
    }
    bytes.extend_from_slice(&stored.id.0.to_le_bytes());
    bytes.extend_from_slice(&stored.checked.number().to_le_bytes());
    // No key, and no head, is longer than a message may be.
    bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(key.as_bytes());
    let head = bytes.len();
    stored.head.pack(&mut bytes);
    let length = (bytes.len() - head) as u32;
    if let Some(place) = bytes.get_mut(KEY - 4..KEY) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    bytes.extend_from_slice(body);
    let body = small.is_none().then(|| stored.body.clone());
    (bytes, body)
}

impl<'a> Seen<'a> {
    /// What is in these bytes, which were a [`Piece`]'s.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Seen(bytes)
    }

    pub(crate) fn id(self) -> StoredId {
        StoredId(self.number(0))
    }

    fn checked(self) -> Revision {
        Revision::new(self.number(8))
    }

    /// The text of the key.
    pub(super) fn key(self) -> &'a [u8] {
        self.0.get(self.key_at()).unwrap_or_default()
    }

    /// The head, where it stands.
    pub(super) fn head(self) -> Option<PackedHead<'a>> {
        PackedHead::of(self.0.get(self.head_at())?)
    }

    /// The body, if it is in the piece.
    pub(crate) fn body(self) -> &'a [u8] {
        self.0.get(self.body_at()).unwrap_or_default()
    }

    /// These bytes of it, if it has some of them.
    pub(crate) fn part_of_body(self, range: Range<u64>) -> Option<&'a [u8]> {
        let body = self.body();
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
        let part = body.get(within(range.start)..within(range.end))?;
        (!part.is_empty()).then_some(part)
    }

    /// The length of that.
    pub(crate) fn body_length(self) -> u64 {
        self.body_at().len() as u64
    }

    fn key_at(self) -> Range<usize> {
        KEY..KEY + self.short(16)
    }

    fn head_at(self) -> Range<usize> {
        let key = self.key_at().end;
        key..key + self.short(20)
    }

    fn body_at(self) -> Range<usize> {
        self.head_at().end.min(self.0.len())..self.0.len()
    }

    fn number(self, at: usize) -> u64 {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn short(self, at: usize) -> usize {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }
}
