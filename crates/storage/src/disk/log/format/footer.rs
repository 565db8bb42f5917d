//! The footer of a sealed segment: what records it has. It ends with the file.

use xxhash_rust::xxh3::Xxh3;

use super::{seed_at, u32_at, u64_at};

/// Bytes of a record's entry.
pub(crate) const ENTRY: usize = 24;

/// Bytes of the trailer, which ends the file.
pub(crate) const TRAILER: usize = 32;

const MAGIC: [u8; 8] = *b"PRGEE-FT";

/// The highest bit of an entry's length says that the record has a key's payload.
const IS_KEY: u32 = 1 << 31;

/// What a footer says about one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key_hash: u64,
    /// Lowest revision up to which a response of the key was checked.
    pub(crate) revision: u64,
    pub(crate) offset: u32,
    /// Bytes of the whole record.
    pub(crate) length: u32,
    /// Whether it has a key's payload, so that it is that key's state.
    pub(crate) is_key: bool,
}

/// What the trailer of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    entries: u32,
    /// Where the entries begin.
    pub(crate) start: u64,
}

impl Footer {
    /// Reads a trailer that ends at `end` of the file. `None` if there is none that fits there.
    pub(crate) fn read(trailer: &[u8], end: u64) -> Option<Footer> {
        let footer = Footer {
            entries: u32_at(trailer, 8)?,
            start: u32_at(trailer, 12)?.into(),
        };
        let fits = footer.start.checked_add(footer.length()) == Some(end);
        (trailer.get(..8) == Some(&MAGIC) && fits).then_some(footer)
    }

    /// Bytes of entries and trailer.
    pub(crate) fn length(&self) -> u64 {
        u64::from(self.entries) * ENTRY as u64 + TRAILER as u64
    }

    /// The entries, of the bytes from `start` to the end of the file. `None` if they do not verify.
    pub(crate) fn entries(&self, bytes: &[u8], segment_seed: u64) -> Option<Vec<Entry>> {
        let (summed, sum) = bytes.split_last_chunk::<8>()?;
        let is_whole = bytes.len() as u64 == self.length();
        let verifies = u64::from_le_bytes(*sum) == sum_of(summed, segment_seed, self.start);
        if !is_whole || !verifies {
            return None;
        }
        let entries = bytes.chunks_exact(ENTRY).take(self.entries as usize);
        entries.map(Entry::read).collect()
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Entry> {
        let length = u32_at(bytes, 20)?;
        Some(Entry {
            key_hash: u64_at(bytes, 0)?,
            revision: u64_at(bytes, 8)?,
            offset: u32_at(bytes, 16)?,
            length: length & !IS_KEY,
            is_key: length & IS_KEY != 0,
        })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let flag = if self.is_key { IS_KEY } else { 0 };
        bytes.extend_from_slice(&self.key_hash.to_le_bytes());
        bytes.extend_from_slice(&self.revision.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&(self.length | flag).to_le_bytes());
    }
}

/// The footer that begins at `start` of a segment.
pub(crate) fn footer_of(entries: &[Entry], segment_seed: u64, start: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY + TRAILER);
    for entry in entries {
        entry.write(&mut bytes);
    }
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(start as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    let sum = sum_of(&bytes, segment_seed, start);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

fn sum_of(bytes: &[u8], segment_seed: u64, start: u64) -> u64 {
    let mut hash = Xxh3::with_seed(seed_at(segment_seed, start));
    hash.update(bytes);
    hash.digest()
}
