//! A store that lets wait for what it has.

use std::{sync::Arc, time::SystemTime};

use perigee_http_cache::{CacheKey, StoredHead};
use perigee_storage::{
    Answer, Ask, Entry, Fill, Memory, Page, Purge, Purged, Purges, Revision, Stats, Store, Stored,
    Variants,
};

#[derive(Debug)]
pub(super) struct Slow(pub(super) Memory);

impl Store for Slow {
    fn purges(&self) -> &Arc<Purges> {
        self.0.purges()
    }

    fn lookup(&self, key: &CacheKey) -> Answer<Variants> {
        Answer::Later(Box::pin(self.0.lookup(key).get()))
    }

    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        self.0.fill(key, head, length, asked)
    }

    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()> {
        self.0.freshen(key, old, new)
    }

    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()> {
        self.0.remove(key, old)
    }

    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        self.0.purge(purge, at)
    }

    fn sweep(&self, most: usize) -> bool {
        self.0.sweep(most)
    }

    fn list(&self, ask: &Ask) -> Answer<Page> {
        self.0.list(ask)
    }

    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>> {
        self.0.entry(key)
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }
}
