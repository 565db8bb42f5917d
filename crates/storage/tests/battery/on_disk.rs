//! The disk tier, in a folder that goes with it.

use std::{sync::Arc, time::SystemTime};

use perigee_http_cache::{CacheKey, StoredHead};
use perigee_storage::{
    Answer, Ask, Disk, DiskConfig, Entry, Fill, MOST_PURGES, Page, Purge, Purged, Purges, Revision,
    Stats, Store, Stored, Variants,
};
use tempfile::TempDir;

use crate::support::Limits;

/// The store goes before the folder.
#[derive(Debug)]
struct OnDisk {
    disk: Disk,
    _folder: TempDir,
}

pub(crate) fn disk(limits: Limits) -> Arc<dyn Store> {
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
        disk: Disk::open(&config, MOST_PURGES, SystemTime::now()).unwrap(),
        _folder: folder,
    })
}

impl Store for OnDisk {
    fn purges(&self) -> &Arc<Purges> {
        self.disk.purges()
    }

    fn lookup(&self, key: &CacheKey) -> Answer<Variants> {
        self.disk.lookup(key)
    }

    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        self.disk.fill(key, head, length, asked)
    }

    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()> {
        self.disk.freshen(key, old, new)
    }

    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()> {
        self.disk.remove(key, old)
    }

    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        self.disk.purge(purge, at)
    }

    fn sweep(&self, most: usize) -> bool {
        self.disk.sweep(most)
    }

    fn list(&self, ask: &Ask) -> Answer<Page> {
        self.disk.list(ask)
    }

    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>> {
        self.disk.entry(key)
    }

    fn stats(&self) -> Stats {
        self.disk.stats()
    }
}
