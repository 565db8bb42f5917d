//! Consecutive bytes of one body, on disk.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{
    format::{BLOCK, HEADER, Header, block_sum},
    place::{Damaged, Place},
    segment::{Segment, Whence},
    state::Counters,
};

/// Consecutive bytes of one body that stand in one record. Cheap to clone; holds its segment, so
/// that it can be read after that was evicted.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    segment: Arc<Segment>,
    offset: u32,
    length: u32,
    /// Read with the first block.
    table: OnceLock<Table>,
    counters: Arc<Counters>,
}

/// Where the blocks are, and their checksums.
#[derive(Debug)]
pub(super) struct Table {
    /// Where the blocks begin, counted from the segment's beginning.
    start: u64,
    sums: Box<[u64]>,
}

impl Table {
    /// Of a record's front, if it is that of a record with `length` bytes of a body, and verifies.
    fn of(front: &[u8], segment: &Segment, offset: u32, length: u32) -> Option<Table> {
        let header = Header::read(front)?;
        let front = front.get(..header.front())?;
        let fits = header.data_length == length;
        (fits && header.verifies(front, segment.seed, offset.into())).then(|| Table {
            start: u64::from(offset) + header.front() as u64,
            sums: header.table(front),
        })
    }

    pub(super) fn new(start: u64, sums: Vec<u64>) -> Self {
        Table {
            start,
            sums: sums.into(),
        }
    }
}

impl Stretch {
    pub(super) fn new(
        segment: Arc<Segment>,
        offset: u32,
        length: u32,
        table: Option<Table>,
        counters: &Arc<Counters>,
    ) -> Self {
        let inner = Inner {
            segment,
            offset,
            length,
            table: table.map_or_else(OnceLock::new, OnceLock::from),
            counters: Arc::clone(counters),
        };
        Stretch {
            inner: Arc::new(inner),
        }
    }

    /// Bytes that it has.
    pub(crate) fn length(&self) -> u64 {
        self.inner.length.into()
    }

    /// Where it is, for a key's payload to name. It is found again by this and its length:
    /// [`super::Log::stretch`].
    pub(crate) fn place(&self) -> Place {
        Place {
            segment: self.inner.segment.seq,
            offset: self.inner.offset,
        }
    }

    /// Whether some of it could not be read: then nobody is to look for it again.
    pub(crate) fn is_bad(&self) -> bool {
        self.inner.segment.is_bad(self.inner.offset)
    }

    /// Whether it is in this segment.
    pub(super) fn is_in(&self, segment: &Arc<Segment>) -> bool {
        Arc::ptr_eq(&self.inner.segment, segment)
    }

    /// Bytes of memory that it takes, its checksums included, whoever else shares it.
    pub(crate) fn weight(&self) -> u64 {
        let blocks = (self.inner.length as usize).div_ceil(BLOCK);
        (size_of::<Inner>() + 2 * size_of::<usize>() + 16 + 8 * blocks + 16) as u64
    }

    /// The bytes from `at` to the end of the block that `at` is in, verified; empty at the end.
    /// Does not block: `None` if they are not in the page cache.
    ///
    /// # Errors
    /// [`Damaged`]: they are lost. It has been counted.
    pub(crate) fn read_now(&self, at: u64) -> Result<Option<Bytes>, Damaged> {
        self.counted(self.block(at, Whence::PageCache))
    }

    /// The same, and waits for the disk: blocks the thread.
    ///
    /// # Errors
    /// [`Damaged`]: they are lost. It has been counted.
    pub(crate) fn read(&self, at: u64) -> Result<Bytes, Damaged> {
        let block = self.counted(self.block(at, Whence::Disk))?;
        Ok(block.unwrap_or_default())
    }

    /// Reads and verifies the block that `at` is in; gives the rest of it from there.
    fn block(&self, at: u64, whence: Whence) -> Result<Option<Bytes>, Damaged> {
        if at >= self.length() {
            return Ok(Some(Bytes::new()));
        }
        let Some(table) = self.table(whence)? else {
            return Ok(None);
        };
        let (index, within) = ((at as usize) / BLOCK, (at as usize) % BLOCK);
        let begin = index * BLOCK;
        let length = (self.inner.length as usize - begin).min(BLOCK);
        let offset = table.start + begin as u64;
        let Some(block) = self.inner.segment.read(whence, offset, length, length)? else {
            return Ok(None);
        };
        if table.sums.get(index) != Some(&block_sum(&block)) {
            return Err(Damaged::Checksum);
        }
        Ok(Some(block.slice(within..)))
    }

    /// The checksums, read if they were not yet.
    fn table(&self, whence: Whence) -> Result<Option<&Table>, Damaged> {
        let Inner {
            segment,
            offset,
            length,
            table,
            ..
        } = &*self.inner;
        if let Some(table) = table.get() {
            return Ok(Some(table));
        }
        // Most have no key's payload, so that this is the whole front.
        let likely = HEADER + 8 * (*length as usize).div_ceil(BLOCK);
        let at = u64::from(*offset);
        let Some(mut front) = segment.read(whence, at, likely, likely)? else {
            return Ok(None);
        };
        let header = Header::read(&front).ok_or(Damaged::Checksum)?;
        if header.front() > front.len() {
            match segment.read(whence, at, header.front(), header.front())? {
                Some(longer) => front = longer,
                None => return Ok(None),
            }
        }
        let read = Table::of(&front, segment, *offset, *length).ok_or(Damaged::Checksum)?;
        Ok(Some(table.get_or_init(|| read)))
    }

    fn counted<T>(&self, result: Result<T, Damaged>) -> Result<T, Damaged> {
        if let Err(Damaged::Checksum | Damaged::Io(_)) = result {
            self.inner.segment.is_found_bad(self.inner.offset);
        }
        self.inner.counters.read(&result);
        result
    }
}
