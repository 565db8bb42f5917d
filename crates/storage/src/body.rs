//! Bodies and their readers.

mod assembly;
mod extent;
mod followers;
mod from_disk;
mod growing;
mod spooled;
mod whole;

pub(crate) use assembly::{Assembly, Part};
pub(crate) use extent::{At, Extent, Extents, Medium};
pub(crate) use growing::{Claimed, Growing, Room};
pub(crate) use spooled::Spooled;
pub(crate) use whole::{BLOCK, Whole};

use std::{
    fmt,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use perigee_http_cache::Held;

use crate::disk::log::Stretch;
use from_disk::FromDisk;
use growing::{Follower, Step};

/// A stored body, kept or still arriving. Cheap to clone.
///
/// All positions are those of the complete representation, of which the body may be a part.
#[derive(Clone, Debug)]
pub struct Body {
    place: Place,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
enum Place {
    Kept(Extents),
    Growing(Arc<Growing>),
}

impl Body {
    pub(crate) fn kept(extents: Extents) -> Self {
        Body {
            place: Place::Kept(extents),
        }
    }

    /// These, from the first position on.
    pub(crate) fn of_one(bytes: Bytes) -> Self {
        Body::kept(Extents::one(0, Whole::of_one(bytes)))
    }

    /// All its bytes from the first position on, if they are in one piece of memory.
    pub(crate) fn in_one(&self) -> Option<&Bytes> {
        match self.extents()?.as_slice() {
            [extent] if extent.is_all_from_the_first() => match &extent.medium {
                Medium::Memory(whole) => whole.in_one(),
                Medium::Disk(_) | Medium::Spooled(_) => None,
            },
            _ => None,
        }
    }

    /// The same, or the body as it was.
    ///
    /// # Errors
    /// The body, if they are not.
    pub fn into_one(mut self) -> Result<Bytes, Body> {
        if let Place::Kept(extents) = &mut self.place
            && let Some(bytes) = extents.take_one()
        {
            return Ok(bytes);
        }
        Err(self)
    }

    pub(crate) fn growing(growing: Arc<Growing>) -> Self {
        Body {
            place: Place::Growing(growing),
        }
    }

    /// How many bytes it has, of a part those that are held: known once all have come, or if
    /// that was stated.
    pub fn length(&self) -> Option<u64> {
        match &self.place {
            Place::Kept(extents) => Some(extents.length()),
            Place::Growing(growing) => growing.length(),
        }
    }

    /// Which bytes of the complete representation a kept body has; of one that is arriving, nothing
    /// is told.
    pub fn held(&self) -> Held {
        let mut held = Held::default();
        if let Place::Kept(extents) = &self.place {
            for extent in extents.as_slice() {
                held.insert(extent.start..extent.end());
            }
        }
        held
    }

    /// Reads the body from its first byte to its last, however long it turns out to be.
    pub fn read(&self) -> Reader {
        let start = match &self.place {
            Place::Kept(extents) => extents.start(),
            Place::Growing(growing) => growing.first(),
        };
        self.read_range(start..u64::MAX)
    }

    /// Reads these bytes of it. A range that ends past the body ends with the body; one that
    /// comes to bytes which are not held, though later ones are, breaks off there.
    pub fn read_range(&self, range: Range<u64>) -> Reader {
        let source = match &self.place {
            _ if range.is_empty() => Source::Done,
            Place::Kept(extents) => Source::Kept(extents.clone()),
            Place::Growing(growing) => match growing.follow(range.start) {
                Ok(follower) => Source::Growing(follower),
                Err(error) => Source::Failed(error),
            },
        };
        Reader {
            source,
            position: range.start,
            end: self.end().map_or(range.end, |end| end.min(range.end)),
            disk: FromDisk::default(),
        }
    }

    /// These bytes of it, if it is kept and has them in memory in one piece; there must be some.
    pub fn at_hand(&self, range: Range<u64>) -> Option<Bytes> {
        let wanted = range.start..range.end.min(self.end()?);
        let At::Held(extent) = self.extents()?.at(wanted.start) else {
            return None;
        };
        let Medium::Memory(whole) = &extent.medium else {
            return None;
        };
        let bytes = whole.chunk(extent.within(&wanted))?;
        (bytes.len() as u64 == wanted.end - wanted.start).then_some(bytes)
    }

    /// Whether the byte at this position has come, and is gone again: a window has passed it.
    pub fn has_passed(&self, position: u64) -> bool {
        match &self.place {
            Place::Kept(_) => false,
            Place::Growing(growing) => growing.has_passed(position),
        }
    }

    /// Whether it is still coming, as far as this body knows.
    pub fn is_arriving(&self) -> bool {
        matches!(self.place, Place::Growing(_))
    }

    /// Position after the last byte that has come so far.
    pub fn reached(&self) -> u64 {
        match &self.place {
            Place::Kept(extents) => extents.end(),
            Place::Growing(growing) => growing.reached(),
        }
    }

    /// Whether bytes of it may turn out to be gone or damaged when they are read: not all of them
    /// are in memory.
    pub fn may_lose_bytes(&self) -> bool {
        self.extents().is_some_and(|extents| {
            let mut media = extents.as_slice().iter().map(|extent| &extent.medium);
            media.any(|medium| !matches!(medium, Medium::Memory(_)))
        })
    }

    /// Together with those bytes of `old` that it has not. No byte is copied. None while either is
    /// arriving.
    pub(crate) fn over(&self, old: &Body) -> Option<Body> {
        match (&self.place, &old.place) {
            (Place::Kept(new), Place::Kept(old)) => Some(Body::kept(new.over(old))),
            _ => None,
        }
    }

    /// How many pieces it is made of.
    pub(crate) fn pieces(&self) -> usize {
        match &self.place {
            Place::Kept(extents) => extents.as_slice().len(),
            Place::Growing(_) => 0,
        }
    }

    /// Where the bytes of a kept body are.
    pub(crate) fn extents(&self) -> Option<&Extents> {
        match &self.place {
            Place::Kept(extents) => Some(extents),
            Place::Growing(_) => None,
        }
    }

    /// Whether some of its bytes must be read from a disk.
    pub(crate) fn is_cold(&self) -> bool {
        self.stretches().next().is_some()
    }

    /// What of it is on a disk, and not in memory.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = Stretch> {
        let extents = self.extents().map_or(&[][..], Extents::as_slice).iter();
        extents.filter_map(|extent| match &extent.medium {
            Medium::Memory(_) => None,
            Medium::Disk(stretch) => Some(stretch.clone()),
            Medium::Spooled(spooled) => match spooled.settled() {
                Medium::Disk(stretch) => Some(stretch),
                _ => None,
            },
        })
    }

    /// Whether some of it waits to be written to a disk, where there is room for it.
    pub(crate) fn is_unwritten(&self) -> bool {
        let mut extents = self.extents().map_or(&[][..], Extents::as_slice).iter();
        extents.any(|extent| {
            matches!(&extent.medium, Medium::Spooled(spooled)
                if matches!(spooled.settled(), Medium::Memory(_)))
        })
    }

    /// Position after its last byte, if known.
    fn end(&self) -> Option<u64> {
        match &self.place {
            Place::Kept(extents) => Some(extents.end()),
            Place::Growing(growing) => growing.known_end(),
        }
    }

    /// Bytes of memory that a kept body takes, its index included.
    pub(crate) fn weight(&self) -> u64 {
        match &self.place {
            Place::Kept(extents) => extents.weight(),
            Place::Growing(_) => 0,
        }
    }
}

/// Reads a body, chunk by chunk.
///
/// A fill that is not kept waits for its slowest reader, so drop a reader that is done with.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    /// Offset of the next byte to give.
    position: u64,
    /// Offset to stop at, if the body is that long.
    end: u64,
    disk: FromDisk,
}

#[derive(Debug)]
enum Source {
    Kept(Extents),
    Growing(Follower),
    Failed(ReadError),
    Done,
}

impl Reader {
    /// The next chunk, never empty; `None` at the end, and after an error.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReadError>>> {
        let found = loop {
            let wanted = self.position..self.end;
            break match &mut self.source {
                _ if wanted.is_empty() => None,
                Source::Kept(extents) => match extents.at(wanted.start) {
                    At::Held(extent) => ready!(self.disk.poll_first_of(extent, &wanted, cx)),
                    At::Hole => Some(Err(ReadError::NotHeld)),
                    At::End => None,
                },
                Source::Growing(follower) => match ready!(follower.poll(wanted.clone(), cx)) {
                    Step::Chunk(chunk) => Some(Ok(chunk)),
                    Step::Spooled(extent) => {
                        ready!(self.disk.poll_first_of(&extent, &wanted, cx))
                    }
                    Step::Kept(extents) => {
                        self.source = Source::Kept(extents);
                        continue;
                    }
                    Step::Failed(error) => Some(Err(error)),
                    Step::End => None,
                },
                Source::Failed(error) => Some(Err(error.clone())),
                Source::Done => None,
            };
        };
        match &found {
            Some(Ok(chunk)) => {
                self.position += chunk.len() as u64;
                if self.position >= self.end {
                    // Nothing more is wanted: a fill need not wait for this reader any longer.
                    self.source = Source::Done;
                }
            }
            Some(Err(_)) | None => self.source = Source::Done,
        }
        Poll::Ready(found)
    }

    /// Whether nothing can be read: the bytes asked for were gone, or the source had broken
    /// off, when this reader was made.
    pub fn is_failed(&self) -> bool {
        matches!(self.source, Source::Failed(_))
    }

    /// Bytes still to come, if known. Where some of them are not held, fewer come.
    pub fn remaining(&self) -> Option<u64> {
        let end = match &self.source {
            Source::Kept(extents) => extents.end(),
            Source::Growing(follower) => follower.known_end()?,
            Source::Failed(_) => return None,
            Source::Done => return Some(0),
        };
        Some(end.min(self.end).saturating_sub(self.position))
    }
}

impl FromDisk {
    /// The first of the bytes wanted, of which this extent has some.
    fn poll_first_of(
        &mut self,
        extent: &Extent,
        wanted: &Range<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, ReadError>>> {
        let within = extent.within(wanted);
        match &extent.medium {
            Medium::Memory(whole) => Poll::Ready(whole.chunk(within).map(Ok)),
            Medium::Disk(stretch) => self.poll(stretch, &within, cx),
            Medium::Spooled(spooled) => match spooled.settled() {
                Medium::Memory(whole) => Poll::Ready(whole.chunk(within).map(Ok)),
                Medium::Disk(stretch) => self.poll(&stretch, &within, cx),
                Medium::Spooled(_) => Poll::Ready(None),
            },
        }
    }
}

/// Why a body could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The fill that was followed was abandoned: the source broke off.
    Abandoned,
    /// The window of a fill that is not kept has moved past what this reader wants.
    Passed,
    /// What is stored is a part, and these bytes are not in it.
    NotHeld,
    /// These bytes cannot be had from the disk any more, or they are not what was written.
    Damaged,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadError::Abandoned => "the source broke off before the body was whole",
            ReadError::Passed => "the bytes asked for are gone from the window",
            ReadError::NotHeld => "the bytes asked for are not stored",
            ReadError::Damaged => "the bytes asked for are damaged on the disk",
        })
    }
}

impl std::error::Error for ReadError {}
