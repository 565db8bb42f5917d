//! Finds the records of a segment that has no footer.

use std::io;

use bytes::Bytes;

use super::{
    super::{
        format::{ALIGN, BLOCK, Entry, HEADER, Header, SEGMENT_HEADER, align, block_sum},
        segment::{Segment, Whence},
    },
    Contents,
};

/// Bytes that are read at once.
const WINDOW: usize = 1 << 20;

/// Bytes that are looked at in vain, in lengths of the segment, before the rest is given up: what
/// stands there could have been made to look like the beginning of many large records.
const PATIENCE: u64 = 4;

/// Goes from record to record. Where none verifies, goes on to the next place where one does: what
/// lies before it was damaged. What lies behind the last is its torn end, or was never written.
pub(super) fn scan(segment: &Segment, length: u64) -> io::Result<Contents> {
    let mut scan = Scan {
        segment,
        length,
        start: 0,
        window: Bytes::new(),
        in_vain: 0,
    };
    let mut contents = Contents {
        scanned: true,
        end: Some(SEGMENT_HEADER),
        ..Contents::default()
    };
    let mut at = SEGMENT_HEADER;
    while at + (HEADER as u64) <= length {
        if scan.in_vain > length.saturating_mul(PATIENCE) {
            contents.end = None;
            contents.damaged += 1;
            break;
        }
        let Some(entry) = scan.record(at)? else {
            at += ALIGN;
            continue;
        };
        if contents.end != Some(at) {
            contents.damaged += 1;
        }
        at = align(at + u64::from(entry.length));
        contents.end = Some(at);
        contents.entries.push(entry);
    }
    Ok(contents)
}

struct Scan<'a> {
    segment: &'a Segment,
    length: u64,
    /// Where the window begins.
    start: u64,
    window: Bytes,
    in_vain: u64,
}

impl Scan<'_> {
    /// The record that begins here, if one does.
    fn record(&mut self, at: u64) -> io::Result<Option<Entry>> {
        let Some(header) = Header::read(&self.bytes(at, HEADER)?) else {
            return Ok(None);
        };
        // The blocks of a body alone are verified when they are read. Those of a key's record come
        // with it, and the one before it counts if they were torn.
        let (front, all) = (header.front(), header.length());
        let needed = if header.is_key() { all } else { front };
        if at + all as u64 > self.length {
            return Ok(None);
        }
        let bytes = self.bytes(at, needed)?;
        let verifies = bytes.get(..front).is_some_and(|front| {
            header.verifies(front, self.segment.seed, at)
                && (!header.is_key() || blocks_verify(&header, front, &bytes[header.front()..]))
        });
        if !verifies {
            self.in_vain += needed as u64;
            return Ok(None);
        }
        Ok(Some(Entry {
            key_hash: header.key_hash,
            revision: header.revision,
            offset: at as u32,
            length: all as u32,
            is_key: header.is_key(),
        }))
    }

    /// These bytes, out of the window where they are in it. Fewer where the file ends.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Bytes> {
        let begin = at.checked_sub(self.start).map(|begin| begin as usize);
        let is_in = begin.is_some_and(|begin| begin + length <= self.window.len());
        if !is_in {
            let read = self.segment.read(Whence::Disk, at, 0, length.max(WINDOW));
            self.window = read.map_err(io::Error::other)?.unwrap_or_default();
            self.start = at;
        }
        let begin = (at - self.start) as usize;
        let end = (begin + length).min(self.window.len());
        Ok(self.window.slice(begin.min(end)..end))
    }
}

fn blocks_verify(header: &Header, front: &[u8], data: &[u8]) -> bool {
    let sums = data.chunks(BLOCK).map(block_sum);
    data.len() == header.data_length as usize && sums.eq(header.table(front).iter().copied())
}
