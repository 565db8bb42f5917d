//! The state of one key, read from its record.

use bytes::Bytes;

use super::{
    format::{BLOCK, HEADER, Header, block_sum},
    place::Damaged,
    segment::{Segment, Whence},
};

/// What is read at least: a header, and a small payload with it.
const LEAST: usize = 4 << 10;

/// What is read at most before it is known how long the record is.
const MOST: usize = 1 << 20;

/// A key's record.
#[derive(Clone, Debug)]
pub(crate) struct KeyRecord {
    /// Hash of the key.
    #[cfg(test)]
    pub(crate) key_hash: u64,
    /// Lowest revision up to which a response of it was checked.
    #[cfg(test)]
    pub(crate) revision: u64,
    /// What was written as its state.
    pub(crate) payload: Bytes,
    /// The bytes of a body that stand in the same record, verified, in blocks: if they came with
    /// the same read. They share one allocation with `payload`.
    pub(crate) blocks: Option<Vec<Bytes>>,
    /// Bytes of the whole record: the hint to read it by.
    #[cfg(test)]
    pub(crate) length: u32,
}

/// Reads and verifies the key's record at `offset`. `None`: the page cache does not have it all.
pub(super) fn read_key(
    segment: &Segment,
    offset: u32,
    length_hint: usize,
    whence: Whence,
) -> Result<Option<KeyRecord>, Damaged> {
    let at = u64::from(offset);
    let likely = length_hint.clamp(LEAST, MOST);
    let Some(mut bytes) = segment.read(whence, at, HEADER, likely)? else {
        return Ok(None);
    };
    let header = Header::read(&bytes).filter(Header::is_key);
    let header = header.ok_or(Damaged::Checksum)?;
    if header.front() > bytes.len() {
        match segment.read(whence, at, header.front(), header.front())? {
            Some(longer) => bytes = longer,
            None => return Ok(None),
        }
    }
    let front = bytes.get(..header.front()).ok_or(Damaged::Checksum)?;
    if !header.verifies(front, segment.seed, at) {
        return Err(Damaged::Checksum);
    }
    Ok(Some(KeyRecord {
        #[cfg(test)]
        key_hash: header.key_hash,
        #[cfg(test)]
        revision: header.revision,
        payload: bytes.slice(header.key_start()..header.front()),
        blocks: blocks(&bytes, &header)?,
        #[cfg(test)]
        length: header.length() as u32,
    }))
}

/// The blocks behind the front, if they were all read.
fn blocks(bytes: &Bytes, header: &Header) -> Result<Option<Vec<Bytes>>, Damaged> {
    if header.length() > bytes.len() {
        return Ok(None);
    }
    let data = bytes.slice(header.front()..header.length());
    let table = header.table(&bytes[..header.front()]);
    let mut blocks = Vec::with_capacity(table.len());
    for (index, sum) in table.iter().enumerate() {
        let begin = index * BLOCK;
        let block = data.slice(begin..data.len().min(begin + BLOCK));
        if block_sum(&block) != *sum {
            return Err(Damaged::Checksum);
        }
        blocks.push(block);
    }
    Ok(Some(blocks))
}

const _: () = assert!(LEAST > HEADER);
