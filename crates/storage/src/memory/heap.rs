//! What a shard holds, one behind the other in chunks of memory.
//!
//! What goes leaves a hole. When there are too many, the chunk that has the least in it is emptied: what
//! is left in it is put elsewhere, and who knows where it was is told. So what is held takes little more than
//! its bytes, however the sizes change; an allocator, which can move nothing, would leave holes between.

use std::sync::Arc;

use super::chunks::{CHUNK, Chunks, Taken};

/// Before each item: its length, of which the first bit says that it is gone.
const FRAME: usize = 4;
const GONE: u32 = 1 << 31;

/// What stands behind each other begins at multiples of so many bytes.
const STEP: usize = 4;

/// The most bytes that an item may have here, so that little is left at the end of a chunk.
const MOST: usize = CHUNK / 10;

/// Chunks that [`At`] has numbers for: 16 GiB.
const MOST_CHUNKS: usize = u32::MAX as usize / (CHUNK / STEP);

/// Holes may take one part in so many of what is held, beside what is left of the last chunk.
pub(super) const HOLES: u64 = 8;

/// Where an item is: in steps, all chunks being numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(u32);

impl At {
    /// Below 2^32 - 2^14.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    pub(super) fn numbered(number: u32) -> Self {
        At(number)
    }

    fn of(chunk: usize, offset: usize) -> Self {
        At((chunk * (CHUNK / STEP) + offset / STEP) as u32)
    }

    fn chunk(self) -> usize {
        self.0 as usize / (CHUNK / STEP)
    }

    fn offset(self) -> usize {
        self.0 as usize % (CHUNK / STEP) * STEP
    }
}

/// Bytes that an item of so many bytes takes.
pub(super) fn room(length: usize) -> usize {
    (FRAME + length).next_multiple_of(STEP)
}

#[derive(Debug)]
pub(super) struct Heap {
    taken: Taken,
    slabs: Vec<Option<Slab>>,
    /// Numbers that no chunk has.
    vacant: Vec<usize>,
    /// The one that is being filled.
    open: Option<usize>,
    count: usize,
    /// Bytes that are not holes.
    live: usize,
}

/// How much of a chunk is used.
#[derive(Clone, Copy, Debug, Default)]
struct Slab {
    /// Where the next item begins.
    end: usize,
    /// Bytes that are not holes.
    live: usize,
}

impl Heap {
    pub(super) fn new(chunks: Arc<Chunks>) -> Self {
        Heap {
            taken: Taken::new(chunks),
            slabs: Vec::new(),
            vacant: Vec::new(),
            open: None,
            count: 0,
            live: 0,
        }
    }

    /// Copies an item here, of these parts. `None` if it is too long, or there are too many.
    pub(super) fn put<const N: usize>(&mut self, parts: [&[u8]; N]) -> Option<At> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let room = room(length);
        if room > MOST {
            return None;
        }
        let number = self.with_room(room)?;
        let slab = self.slabs.get_mut(number)?.as_mut()?;
        let chunk = self.taken.get_mut(number)?;
        let place = chunk.get_mut(slab.end..slab.end + room)?;
        let (frame, mut rest) = place.split_first_chunk_mut::<FRAME>()?;
        *frame = (length as u32).to_le_bytes();
        for part in parts {
            let (place, behind) = rest.split_at_mut_checked(part.len())?;
            place.copy_from_slice(part);
            rest = behind;
        }
        let at = At::of(number, slab.end);
        slab.end += room;
        slab.live += room;
        self.live += room;
        Some(at)
    }

    /// The number of a chunk that has so much room.
    fn with_room(&mut self, room: usize) -> Option<usize> {
        let open = self.open.filter(|open| {
            let slab = self.slabs.get(*open).and_then(Option::as_ref);
            slab.is_some_and(|slab| slab.end + room <= CHUNK)
        });
        if open.is_some() {
            return open;
        }
        let number = self.vacant.pop().unwrap_or(self.slabs.len());
        if number >= MOST_CHUNKS {
            return None;
        }
        if number == self.slabs.len() {
            self.slabs.push(None);
        }
        self.taken.take(number);
        *self.slabs.get_mut(number)? = Some(Slab::default());
        self.count += 1;
        self.open = Some(number);
        Some(number)
    }

    /// An item that is here.
    pub(super) fn get(&self, at: At) -> &[u8] {
        let chunk = self.taken.get(at.chunk());
        chunk
            .and_then(|chunk| item(chunk, at.offset()))
            .unwrap_or_default()
    }

    /// An item will be read.
    pub(super) fn prefetch(&self, at: At) {
        self.taken.prefetch(at.chunk(), at.offset());
    }

    /// The beginning of an item will be read.
    pub(super) fn prefetch_first(&self, at: At) {
        self.taken.prefetch_first(at.chunk(), at.offset());
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, at: At) -> &mut [u8] {
        let chunk = self.taken.get_mut(at.chunk());
        let item = chunk.and_then(|chunk| {
            let (frame, rest) = chunk.get_mut(at.offset()..)?.split_first_chunk_mut()?;
            rest.get_mut(..length(*frame))
        });
        item.unwrap_or_default()
    }

    /// Leaves a hole in the place of an item.
    pub(super) fn remove(&mut self, at: At) {
        let room = room(self.get(at).len());
        let chunk = self.taken.get_mut(at.chunk());
        let (Some(chunk), Some(Some(slab))) = (chunk, self.slabs.get_mut(at.chunk())) else {
            return;
        };
        if let Some(byte) = chunk.get_mut(at.offset() + FRAME - 1) {
            *byte |= (GONE >> 24) as u8;
        }
        slab.live -= room;
        self.live -= room;
    }

    /// The chunk that has the least in it, if there are too many holes: what is in it is to be put anew.
    /// Its number stays taken until it is told back ([`Heap::emptied`]).
    pub(super) fn begin_emptying(&mut self) -> Option<Emptying> {
        let allowed = self.live + self.live / HOLES as usize;
        if self.count.saturating_sub(1) * CHUNK <= allowed {
            return None;
        }
        let (open, slabs) = (self.open, self.slabs.iter().enumerate());
        let closed = slabs.filter(|(number, _)| Some(*number) != open);
        let live = closed.filter_map(|(number, slab)| Some((number, slab.as_ref()?.live)));
        let (number, _) = live.min_by_key(|(_, live)| *live)?;
        let Slab { end, live } = self.slabs.get_mut(number)?.take()?;
        self.live -= live;
        self.count -= 1;
        Some(Emptying {
            number,
            taken: self.taken.part_with(number)?,
            end,
        })
    }

    /// All that was in it has been put elsewhere.
    pub(super) fn emptied(&mut self, emptying: Emptying) {
        self.vacant.push(emptying.number);
    }
}

fn length(frame: [u8; FRAME]) -> usize {
    (u32::from_le_bytes(frame) & !GONE) as usize
}

/// The item at this offset of a chunk.
fn item(chunk: &[u8; CHUNK], offset: usize) -> Option<&[u8]> {
    let (frame, rest) = chunk.get(offset..)?.split_first_chunk()?;
    rest.get(..length(*frame))
}

/// A chunk on its way out of the heap.
#[derive(Debug)]
pub(super) struct Emptying {
    number: usize,
    taken: Taken,
    end: usize,
}

impl Emptying {
    /// What is left in it, and where that was.
    pub(super) fn left(&self) -> impl Iterator<Item = (At, &[u8])> {
        let mut offset = 0;
        let all = std::iter::from_fn(move || {
            let chunk = self.taken.get(0).filter(|_| offset < self.end)?;
            let is_gone = chunk.get(offset + FRAME - 1)? & (GONE >> 24) as u8 != 0;
            let bytes = item(chunk, offset)?;
            let at = At::of(self.number, offset);
            offset += room(bytes.len());
            Some((!is_gone).then_some((at, bytes)))
        });
        all.flatten()
    }
}

#[cfg(test)]
mod tests;
