//! What is in the segments that were there at start.

mod scan;

use std::{io, sync::Arc};

use super::{
    Shared,
    appending::seal,
    format::{Entry, Footer, TRAILER},
    place::Place,
    segment::{Segment, Whence},
};

/// A key's record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Hash of the key.
    pub(crate) key_hash: u64,
    pub(crate) place: Place,
    /// Bytes of the whole record: the hint to read it by.
    pub(crate) length: u32,
    /// Lowest revision up to which a response of the key was checked.
    pub(crate) revision: u64,
}

/// What a recovery came upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Segments that were looked at.
    pub(crate) segments: u64,
    /// Records of keys in them, older ones of the same key included.
    pub(crate) keys: u64,
    /// Segments without a footer: the process had been killed, or had lost the disk.
    pub(crate) scanned: u64,
    /// Places where a segment was not as it was written, its torn end not counted.
    pub(crate) damaged: u64,
}

/// What is in one segment.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Its records, in the order in which they were written.
    pub(super) entries: Vec<Entry>,
    /// Where the last of them ends, if there is no footer and all of the segment could be read.
    end: Option<u64>,
    scanned: bool,
    damaged: u64,
}

/// Tells of all keys' records that were there, newest first.
pub(super) fn recover(shared: &Shared, visit: &mut dyn FnMut(Found)) -> Recovery {
    let mut recovery = Recovery::default();
    let segments = shared.segments.newest_first();
    for segment in segments.iter().filter(|segment| !segment.is_ours()) {
        let contents = contents(segment);
        recovery.segments += 1;
        recovery.scanned += u64::from(contents.scanned);
        recovery.damaged += contents.damaged;
        for entry in contents.entries.iter().rev().filter(|entry| entry.is_key) {
            recovery.keys += 1;
            visit(Found {
                key_hash: entry.key_hash,
                place: Place {
                    segment: segment.seq,
                    offset: entry.offset,
                },
                length: entry.length,
                revision: entry.revision,
            });
        }
        tidy(shared, segment, &contents);
    }
    recovery
}

/// Seals a segment that was scanned to its end, for the next start, or removes it if nothing is in
/// it. Where that cannot be done, the next start scans again.
fn tidy(shared: &Shared, segment: &Arc<Segment>, contents: &Contents) {
    match contents.end {
        Some(_) if contents.entries.is_empty() => shared.remove(segment),
        Some(end) => {
            let _ = segment.file().and_then(|file| {
                seal(segment, file.as_ref(), end, &contents.entries)?;
                file.sync()
            });
        }
        None => {}
    }
}

/// What is in a segment: by its footer, or else by a scan.
pub(super) fn contents(segment: &Segment) -> Contents {
    let whole = || -> io::Result<Contents> {
        let length = segment.file()?.length()?;
        segment.set_length(length);
        match footer(segment, length) {
            Some(entries) => Ok(Contents {
                entries,
                ..Contents::default()
            }),
            None => scan::scan(segment, length),
        }
    };
    whole().unwrap_or_else(|error| Contents {
        // One that is gone was evicted meanwhile.
        damaged: u64::from(error.kind() != io::ErrorKind::NotFound),
        ..Contents::default()
    })
}

/// The entries of a footer that ends with the file.
fn footer(segment: &Segment, end: u64) -> Option<Vec<Entry>> {
    let trailer = end.checked_sub(TRAILER as u64)?;
    let trailer = segment.bytes(trailer, TRAILER).ok()?;
    let footer = Footer::read(&trailer, end)?;
    let bytes = segment.bytes(footer.start, footer.length() as usize).ok()?;
    footer.entries(&bytes, segment.seed)
}

impl Segment {
    /// Exactly these bytes. May block.
    fn bytes(&self, offset: u64, length: usize) -> io::Result<bytes::Bytes> {
        let bytes = self.read(Whence::Disk, offset, length, length);
        bytes
            .map(Option::unwrap_or_default)
            .map_err(io::Error::other)
    }
}
