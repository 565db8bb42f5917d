//! The disk tier, in a folder that goes with it.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use perigee_http_cache::{CacheKey, StoredHead};
use perigee_storage::{
    Answer, Ask, Disk, DiskConfig, Entry, Fill, Hits, MOST_PURGES, Page, Purge, Purged, Purges,
    Revision, Stats, Store, Stored, Taken, Tiered, Variants,
};
use tempfile::TempDir;

use crate::support::{Limits, memory_config};

/// The store goes before the folder.
#[derive(Debug)]
struct OnDisk {
    store: Box<dyn Store>,
    _folder: TempDir,
}

/// A disk alone.
pub(crate) fn disk(limits: Limits) -> Arc<dyn Store> {
    on_disk(limits, |config| {
        Box::new(Disk::open(config, MOST_PURGES, SystemTime::now()).unwrap())
    })
}

/// A disk under memory.
pub(crate) fn tiered(limits: Limits) -> Arc<dyn Store> {
    on_disk(limits, |config| {
        let memory = memory_config(limits);
        Box::new(Tiered::open(memory, config, MOST_PURGES, SystemTime::now()).unwrap())
    })
}

fn on_disk(limits: Limits, open: impl FnOnce(&DiskConfig) -> Box<dyn Store>) -> Arc<dyn Store> {
    let folder = tempfile::tempdir().unwrap();
    let config = DiskConfig {
        max_object_share: limits.max_object as f64 / limits.capacity as f64,
        variants_per_key: limits.variants,
        fill_bytes: limits.fill_bytes,
        window: limits.window,
        window_patience: limits.patience,
        ..DiskConfig::new(folder.path().join("node"), limits.capacity)
    };
    Arc::new(OnDisk {
        store: open(&config),
        _folder: folder,
    })
}

impl Store for OnDisk {
    fn purges(&self) -> &Arc<Purges> {
        self.store.purges()
    }

    fn lookup(&self, key: &CacheKey) -> Answer<Variants> {
        self.store.lookup(key)
    }

    fn at_once(&self, key: &[u8], serve: &mut dyn FnMut(Hits<'_>) -> bool) -> bool {
        self.store.at_once(key, serve)
    }

    fn again(&self, key: &[u8], times: u32) {
        self.store.again(key, times);
    }

    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        self.store.fill(key, head, length, asked)
    }

    fn keep(
        &self,
        key: &CacheKey,
        head: &Arc<StoredHead>,
        body: Bytes,
        asked: Revision,
    ) -> Result<Taken, Bytes> {
        self.store.keep(key, head, body, asked)
    }

    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()> {
        self.store.freshen(key, old, new)
    }

    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()> {
        self.store.remove(key, old)
    }

    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        self.store.purge(purge, at)
    }

    fn sweep(&self, most: usize) -> bool {
        self.store.sweep(most)
    }

    fn list(&self, ask: &Ask) -> Answer<Page> {
        self.store.list(ask)
    }

    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>> {
        self.store.entry(key)
    }

    fn stats(&self) -> Stats {
        self.store.stats()
    }
}
