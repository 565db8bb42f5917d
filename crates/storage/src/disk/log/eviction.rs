//! The oldest segment goes; what is wanted of it is written anew.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    appending::{Put, Record},
    format::Entry,
    place::Place,
    queue::{NewKey, Written},
    recovery::contents,
    segment::Segment,
    state::Counters,
    stretch::Stretch,
    writer::Writer,
};

/// Who is told what the log does with what was written. Called on the writer's thread.
pub(crate) trait Keeper: Send {
    /// This segment goes as soon as this returns. What of it shall stay can be written anew.
    fn evicting(&mut self, leaving: &Leaving, room: &mut Readmission<'_>);

    /// This segment is gone. Who holds some of it reads on, and keeps its room from being free.
    fn evicted(&mut self, _segment: u64) {}

    /// The folder was not there, and now it is: [`super::Log::recover`] tells what is in it. The
    /// places of records may be of another store than those that were told before: all that was
    /// known is to be forgotten.
    fn mounted(&mut self);
}

/// Keeps nothing.
impl Keeper for () {
    fn evicting(&mut self, _: &Leaving, _: &mut Readmission<'_>) {}

    fn mounted(&mut self) {}
}

/// A segment that goes.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Its number: all places in it are gone.
    pub(crate) segment: u64,
    /// Its records, in the order in which they were written. None if it cannot be read.
    pub(crate) records: Vec<Leaver>,
}

/// A record that goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaver {
    /// Hash of the key.
    pub(crate) key_hash: u64,
    pub(crate) place: Place,
    /// Bytes of the whole record.
    pub(crate) length: u32,
    /// Whether it has the key's state. Else it has bytes of a body alone.
    pub(crate) is_key: bool,
}

impl Leaver {
    fn of(segment: u64, entry: &Entry) -> Self {
        let offset = entry.offset;
        Leaver {
            key_hash: entry.key_hash,
            place: Place { segment, offset },
            length: entry.length,
            is_key: entry.is_key,
        }
    }
}

/// Room for what is to stay: so many bytes of the segment that is being written.
pub(crate) struct Readmission<'a> {
    writer: &'a mut Writer,
    left: u64,
}

impl Readmission<'_> {
    pub(super) fn evict(
        writer: &mut Writer,
        keeper: &mut dyn Keeper,
        segment: &Arc<Segment>,
        left: u64,
    ) {
        let records = contents(segment).entries;
        let leaving = Leaving {
            segment: segment.seq,
            records: records
                .iter()
                .map(|entry| Leaver::of(segment.seq, entry))
                .collect(),
        };
        let shared = Arc::clone(&writer.shared);
        keeper.evicting(&leaving, &mut Readmission { writer, left });
        shared.remove(segment);
        keeper.evicted(segment.seq);
        Counters::add(&shared.counters.evicted, 1);
    }

    /// Bytes that may still be written, those of headers included.
    pub(crate) fn left(&self) -> u64 {
        self.left.min(self.writer.left())
    }

    /// Where the next record will stand, if it fits.
    pub(crate) fn place(&self) -> Option<Place> {
        Some(self.writer.appending()?.place())
    }

    /// Writes bytes of a body; `None` if they do not fit, or cannot be written.
    pub(crate) fn write(&mut self, key_hash: u64, blocks: &[Bytes]) -> Option<Stretch> {
        let record = Record {
            key_hash,
            revision: 0,
            key: &[],
            blocks,
        };
        let (put, segment) = self.put(&record)?;
        let shared = &self.writer.shared;
        Some(shared.stretch(segment, put, record.data_length()))
    }

    /// Writes a key's state at [`Readmission::place`]; `None` if it does not fit, or cannot be
    /// written.
    pub(crate) fn append_key(&mut self, key_hash: u64, new: &NewKey) -> Option<Written> {
        let record = Record {
            key_hash,
            revision: new.revision,
            key: &new.payload,
            blocks: &new.blocks,
        };
        if new.payload.is_empty() {
            return None;
        }
        let (put, _) = self.put(&record)?;
        Some(Written {
            place: put.place,
            length: put.length,
        })
    }

    fn put(&mut self, record: &Record<'_>) -> Option<(Put, Arc<Segment>)> {
        let takes = record.takes();
        if takes > self.left() || !self.writer.shared.fits(record) {
            return None;
        }
        self.left -= takes;
        self.writer.readmit(record)
    }
}
