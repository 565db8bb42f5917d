//! One stored response in one piece of memory: what it is known by, the text of its key, its packed
//! head, and its body where that is small. So a hit finds next to each other all that it asks for.

use std::ops::Range;

use bytes::Bytes;
use perigee_http_cache::{PackedHead, StoredHead};

use crate::{Body, Revision, Stored, StoredId};

/// A body of so many bytes is copied into the piece: that costs less than a piece of its own would.
const SMALL_BODY: usize = 4 << 10;

/// Before the text of the key: the id, the revision, the length of the key, and that of the head.
const KEY: usize = 24;

/// What a piece costs beside its bytes: the counter of those who share it, and the allocator's own
/// bookkeeping for the two.
const OVERHEAD: u64 = 24 + 2 * 8;

/// A stored response in one piece. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Piece(Bytes);

/// The allocator's own bookkeeping for each piece of memory.
const WORD: usize = size_of::<usize>();

/// The bytes that are allocated for so many: a few more, so that there are few sizes and one finds
/// room where another one was. With the allocator's own word they are a multiple of its steps.
fn allocated(length: usize) -> usize {
    let step = (length.next_power_of_two() / 64).clamp(16, 4096);
    (length + WORD).next_multiple_of(step) - WORD
}

impl Piece {
    /// Of a response that is stored under this key. Hands back the body if that is not in the piece.
    pub(super) fn pack(key: &str, stored: &Stored) -> (Piece, Option<Body>) {
        let small = stored.body.in_one().filter(|body| body.len() <= SMALL_BODY);
        let body = small.as_deref().unwrap_or_default();
        let length = KEY + key.len() + stored.head.packed_length() + body.len();
        let mut bytes = Vec::with_capacity(allocated(length));
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
        // What was reserved too much goes back, where it stands.
        bytes.shrink_to(allocated(bytes.len()));
        let piece = Bytes::from(bytes);
        // The counter of those who share it is allocated now, not by the first hit.
        drop(piece.clone());
        let body = small.is_none().then(|| stored.body.clone());
        (Piece(piece), body)
    }

    pub(crate) fn id(&self) -> StoredId {
        StoredId(self.number(0))
    }

    fn checked(&self) -> Revision {
        Revision::new(self.number(8))
    }

    /// The text of the key.
    pub(super) fn key(&self) -> &[u8] {
        self.0.get(self.key_at()).unwrap_or_default()
    }

    /// The head, where it stands.
    pub(super) fn head(&self) -> Option<PackedHead<'_>> {
        PackedHead::of(self.0.get(self.head_at())?)
    }

    /// The body, if it is in the piece.
    pub(crate) fn body(&self) -> Bytes {
        self.0.slice(self.head_at().end.min(self.0.len())..)
    }

    /// These bytes of it, if it has some of them.
    pub(crate) fn part_of_body(&self, range: Range<u64>) -> Option<Bytes> {
        let (body, length) = (self.head_at().end, self.body_length());
        let from = body + usize::try_from(range.start.min(length)).ok()?;
        let to = body + usize::try_from(range.end.min(length)).ok()?;
        (from < to).then(|| self.0.slice(from..to))
    }

    /// The length of that.
    pub(crate) fn body_length(&self) -> u64 {
        self.0.len().saturating_sub(self.head_at().end) as u64
    }

    /// The response as it was packed.
    pub(super) fn unpack(&self, body: Option<&Body>) -> Option<Stored> {
        let head = StoredHead::unpack(&self.0.slice(self.head_at()))?;
        Some(Stored {
            head: head.into(),
            body: body.cloned().unwrap_or_else(|| Body::of_one(self.body())),
            id: self.id(),
            checked: self.checked(),
        })
    }

    /// Bytes of memory that it takes.
    pub(super) fn weight(&self) -> u64 {
        allocated(self.0.len()) as u64 + OVERHEAD
    }

    /// Those of a response before it is packed, without its key.
    pub(super) fn weight_of(stored: &Stored) -> u64 {
        (KEY + stored.head.packed_length()) as u64 + OVERHEAD
    }

    fn key_at(&self) -> Range<usize> {
        KEY..KEY + self.short(16)
    }

    fn head_at(&self) -> Range<usize> {
        let key = self.key_at().end;
        key..key + self.short(20)
    }

    fn number(&self, at: usize) -> u64 {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn short(&self, at: usize) -> usize {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }
}
