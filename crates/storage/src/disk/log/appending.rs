//! The segment that is being written.

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    files::{File, write_full},
    format::{
        ENTRY, Entry, Header, SEGMENT_HEADER, TRAILER, align, encode_front, footer_of,
        segment_header, table_of,
    },
    place::Place,
    segment::Segment,
    stretch::Table,
};

/// A segment and how far it is written.
pub(super) struct Appending {
    pub(super) segment: Arc<Segment>,
    file: Arc<dyn File>,
    /// Where the next record goes.
    at: u64,
    entries: Vec<Entry>,
    /// Used anew for each record.
    front: Vec<u8>,
}

/// A record to be written.
pub(super) struct Record<'a> {
    pub(super) key_hash: u64,
    pub(super) revision: u64,
    pub(super) key: &'a [u8],
    pub(super) blocks: &'a [Bytes],
}

/// A record that is written.
pub(super) struct Put {
    pub(super) place: Place,
    /// Bytes of the whole record.
    pub(super) length: u32,
    pub(super) table: Table,
}

impl Record<'_> {
    fn header(&self) -> Header {
        Header {
            key_hash: self.key_hash,
            revision: self.revision,
            key_length: self.key.len() as u32,
            data_length: self.data_length() as u32,
        }
    }

    pub(super) fn data_length(&self) -> usize {
        self.blocks.iter().map(Bytes::len).sum()
    }

    /// Bytes that it takes of a segment, its part of the footer included.
    pub(super) fn takes(&self) -> u64 {
        align(self.header().length() as u64) + ENTRY as u64
    }
}

/// Bytes that a segment of this length has for records.
pub(super) fn room_in(length: u64) -> u64 {
    length.saturating_sub(SEGMENT_HEADER + TRAILER as u64)
}

impl Appending {
    /// Begins a segment whose file was just made.
    pub(super) fn begin(segment: Arc<Segment>, file: Arc<dyn File>) -> io::Result<Self> {
        let header = segment_header(segment.store, segment.seq, segment.length());
        write_full(file.as_ref(), &mut [IoSlice::new(&header)], 0)?;
        Ok(Appending {
            segment,
            file,
            at: SEGMENT_HEADER,
            entries: Vec::new(),
            front: Vec::new(),
        })
    }

    /// Where the next record will stand.
    pub(super) fn place(&self) -> Place {
        Place {
            segment: self.segment.seq,
            offset: self.at as u32,
        }
    }

    /// Bytes that are left for records.
    pub(super) fn left(&self) -> u64 {
        let taken = self.at + (self.entries.len() * ENTRY + TRAILER) as u64;
        self.segment.length().saturating_sub(taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes a record that fits.
    pub(super) fn put(&mut self, record: &Record<'_>) -> io::Result<Put> {
        let header = record.header();
        let sums = table_of(record.blocks);
        let (seed, place) = (self.segment.seed, self.place());
        let front = &mut self.front;
        encode_front(front, &header, &sums, record.key, seed, self.at);
        let mut parts = Vec::with_capacity(1 + record.blocks.len());
        parts.push(IoSlice::new(front));
        parts.extend(record.blocks.iter().map(|block| IoSlice::new(block)));
        write_full(self.file.as_ref(), &mut parts, self.at)?;
        let length = header.length() as u32;
        self.entries.push(Entry {
            key_hash: record.key_hash,
            revision: record.revision,
            offset: place.offset,
            length,
            is_key: header.is_key(),
        });
        let table = Table::new(self.at + header.front() as u64, sums);
        self.at = align(self.at + u64::from(length));
        Ok(Put {
            place,
            length,
            table,
        })
    }

    /// Writes the footer and cuts what is left. The file is to be synced then.
    pub(super) fn seal(self) -> io::Result<Arc<dyn File>> {
        seal(&self.segment, self.file.as_ref(), self.at, &self.entries)?;
        Ok(self.file)
    }
}

/// Writes the footer at `at`, and cuts what is behind it.
pub(super) fn seal(
    segment: &Segment,
    file: &dyn File,
    at: u64,
    entries: &[Entry],
) -> io::Result<()> {
    let footer = footer_of(entries, segment.seed, at);
    write_full(file, &mut [IoSlice::new(&footer)], at)?;
    let end = at + footer.len() as u64;
    file.truncate(end)?;
    segment.set_length(end);
    Ok(())
}
