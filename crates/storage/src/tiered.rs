//! Memory over disk, as one store.
//!
//! What memory has of a key is all that the store has of it. So a hit in memory costs what it costs
//! without a disk, and all changes of a key are made in both tiers while its lock is held, by the
//! same pure functions ([`crate::changes`]). A lookup that memory has nothing for asks the disk, and
//! what that has goes into memory: heads and where the bytes are. The bytes of a small body follow
//! when the key is asked for again, so that what is asked for once does not fill memory with bytes.
//! What memory evicts stays on disk; what the disk evicts, and memory has no bytes of, leaves both.

mod both;
mod list;
mod locks;
mod warming;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::SystemTime,
};

use bytes::Bytes;
use perigee_http_cache::{CacheKey, StoredHead};

use crate::{
    Answer, Ask, Disk, DiskConfig, DiskError, Entry, Fill, Hits, Memory, MemoryConfig, Page, Pages,
    Purge, Purged, Purges, Revision, Stats, Store, Stored, Taken, Variants, fill, memory::Below,
};
use both::Both;

/// Responses in memory and on disk.
pub struct Tiered {
    both: Arc<Both>,
}

impl Tiered {
    /// An empty memory over what is in the disk's folder, and the purges that are written down there.
    /// See [`Disk::open`].
    ///
    /// # Errors
    /// As of [`Disk::open`].
    pub fn open(
        memory: MemoryConfig,
        disk: &DiskConfig,
        most_purges: usize,
        now: SystemTime,
    ) -> Result<Self, DiskError> {
        let disk = Disk::open(disk, most_purges, now)?;
        let memory = Memory::new(memory, Arc::clone(disk.purges()));
        Ok(Tiered::over(memory, disk))
    }

    /// Both take from the same purges.
    pub(crate) fn over(memory: Memory, disk: Disk) -> Self {
        let both = Arc::new(Both::new(memory, disk));
        let above: Weak<Both> = Arc::downgrade(&both);
        both.disk().is_below(above);
        Tiered { both }
    }

    /// The lower tier.
    pub fn disk(&self) -> &Disk {
        self.both.disk()
    }
}

impl Store for Tiered {
    fn purges(&self) -> &Arc<Purges> {
        self.both.purges()
    }

    fn pages(&self) -> Option<&Arc<Pages>> {
        self.both.memory().pages()
    }

    fn lookup(&self, key: &CacheKey) -> Answer<Variants> {
        Both::lookup(&self.both, key)
    }

    fn at_once(&self, key: &[u8], serve: &mut dyn FnMut(Hits<'_>) -> bool) -> bool {
        self.both.at_once(key, serve)
    }

    fn again(&self, key: &[u8], times: u32) {
        self.both.memory().again(key, times);
    }

    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        let ticket = Ticket {
            both: Arc::clone(&self.both),
            key: key.clone(),
        };
        let disk = self.both.disk();
        let below = Below {
            spool: disk.spool(key),
            max_length: disk.max_length(),
        };
        let (memory, ticket) = (self.both.memory(), Box::new(ticket));
        memory.fill_with(ticket, Some(below), key, head, length, asked)
    }

    fn keep(
        &self,
        key: &CacheKey,
        head: &Arc<StoredHead>,
        body: Bytes,
        asked: Revision,
    ) -> Result<Taken, Bytes> {
        let store = |stored: &Stored| self.both.put(key, stored);
        self.both.memory().take(head, body, asked, store)
    }

    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()> {
        self.both.freshen(key, old, &new);
        Answer::Now(())
    }

    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()> {
        self.both.remove(key, old);
        Answer::Now(())
    }

    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        Both::purge(&self.both, purge, at)
    }

    fn sweep(&self, most: usize) -> bool {
        let Some(above) = self.both.memory().look_for_purged(most) else {
            return true;
        };
        let disk = self.disk();
        if !disk.is_loading() {
            self.purges().make_room(above.min(disk.checked()));
        }
        disk.catch_up();
        above < self.purges().now()
    }

    fn list(&self, ask: &Ask) -> Answer<Page> {
        list::page(&self.both, ask)
    }

    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>> {
        list::entry(&self.both, key)
    }

    fn stats(&self) -> Stats {
        self.both.stats()
    }

    fn close(&self) -> Answer<()> {
        self.both.disk().close()
    }
}

/// The way to store a response under a key.
#[derive(Debug)]
struct Ticket {
    both: Arc<Both>,
    key: CacheKey,
}

impl fill::Ticket for Ticket {
    fn store(&self, stored: Stored) -> bool {
        self.both.put(&self.key, &stored)
    }
}

impl fmt::Debug for Tiered {
    /// What it holds, summed up: a store does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tiered").field(&self.stats()).finish()
    }
}

#[cfg(test)]
mod tests;
