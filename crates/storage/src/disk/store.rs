//! The disk tier as a store.

use std::{
    fmt,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use bytes::Bytes;
use perigee_http_cache::{CacheKey, StoredHead};

use super::{
    DiskConfig,
    above::Above,
    change::Change,
    list::Found,
    log::{Done, Files, Log, LogConfig, OpenError, RealFiles, Shed, Stretch},
    readmit::Readmit,
    shared::Shared,
};
use crate::{
    Answer, Ask, Entry, Fill, Page, Purge, Purged, Purges, Revision, Stats, Store, Stored, Target,
    Variants,
    body::Growing,
    budget::Budget,
    changes::Limits,
    fill::{self, Keeping, Window},
    listing::{Place, Walk},
    purges::Watch,
    spool::Spool,
};

/// The file of what was purged.
const JOURNAL: &str = "purges.journal";

/// Responses on disk, which a restart leaves there.
pub struct Disk {
    shared: Arc<Shared>,
    budget: Arc<Budget>,
    max_length: u64,
    window: Window,
}

impl Disk {
    /// The store in a folder, and what was purged of it, of which so many are known at most. What is
    /// there is found in the background, the newest first. A folder that cannot be used now is tried
    /// again.
    ///
    /// # Errors
    /// If another process uses the folder, if a version of another format has written it, or if the
    /// process may have no more threads.
    pub fn open(config: &DiskConfig, purges: usize, now: SystemTime) -> Result<Disk, OpenError> {
        Disk::open_with(
            config,
            purges,
            now,
            &(Arc::new(RealFiles) as Arc<dyn Files>),
        )
    }

    pub(crate) fn open_with(
        config: &DiskConfig,
        purges: usize,
        now: SystemTime,
        files: &Arc<dyn Files>,
    ) -> Result<Disk, OpenError> {
        let share = |of: u64, share: f64| (of as f64 * share) as u64;
        let (log, _) = Log::open(
            LogConfig {
                folder: config.folder.clone(),
                size: config.capacity,
                segment: config.segment,
                queue: config.write_queue,
                readmit: share(config.segment, config.readmit_share.min(0.9)),
                pause: config.retry_after..config.retry_after * 6,
            },
            Arc::clone(files),
        )?;
        // After the log has the lock of the folder.
        let journal = config.folder.join(JOURNAL);
        let purges = Arc::new(Purges::open(files, &journal, purges, now)?);
        let max_length = share(config.capacity, config.max_object_share).min(config.capacity);
        let limits = Limits {
            variants: config.variants_per_key.max(1),
            bytes: config.capacity / 2,
            object: max_length,
        };
        let shared = Arc::new(Shared::new(log, purges, limits));
        let disk = Disk {
            budget: Arc::new(Budget::new(config.fill_bytes)),
            max_length,
            window: Window {
                bytes: config.window,
                patience: config.window_patience,
            },
            shared: Arc::clone(&shared),
        };
        let keeper = Readmit(Arc::downgrade(&shared));
        shared.log.start(Box::new(keeper))?;
        shared.start_loading()?;
        Ok(disk)
    }

    /// Whether what was there at start is still being looked for.
    pub fn is_loading(&self) -> bool {
        self.shared.index.is_loading()
    }

    /// Waits until all is written that was stored before, or is lost. Blocks the thread.
    pub fn flush(&self) {
        self.shared.flush();
    }

    /// There is a tier above from now on.
    pub(crate) fn is_below(&self, above: Weak<dyn Above>) {
        self.shared.is_below(above);
    }

    /// Whether these bytes are still on the disk, and not only held by who reads them.
    pub(crate) fn has(&self, stretch: &Stretch) -> bool {
        self.shared.log.has_stretch(stretch)
    }

    /// Whether anything was found damaged since the start.
    pub(crate) fn has_damage(&self) -> bool {
        self.shared.log.has_damage()
    }

    /// Takes one body of a key as it arrives.
    pub(crate) fn spool(&self, key: &CacheKey) -> Box<dyn Spool> {
        Box::new(Bodies {
            shared: Arc::clone(&self.shared),
            hash: key.stable_hash(),
        })
    }

    /// Bytes that the body of one response may have.
    pub(crate) fn max_length(&self) -> u64 {
        self.max_length
    }

    /// Whether changes of a key wait to be written.
    pub(crate) fn is_pending(&self, key: &CacheKey) -> bool {
        !self.shared.pending.of(key.stable_hash(), key).is_empty()
    }

    /// Whether anything may be stored under a key, as far as that is known without reading it.
    pub(crate) fn may_have(&self, key: &CacheKey) -> bool {
        self.shared.may_have(key)
    }

    /// Puts a response in front of the others of its key, as [`crate::changes::put`] does. False: it
    /// takes nothing now, and has forgotten the key.
    pub(crate) fn put(&self, key: &CacheKey, new: &Stored) -> bool {
        self.shared.change(key, Change::Put(new.clone()))
    }

    /// The next keys behind a place.
    pub(crate) fn walk(&self, after: Option<Place>) -> Walk<Found> {
        self.shared.walk(after)
    }

    /// Which key was come upon; `None` if it is not there any more. Blocks the thread.
    pub(crate) fn key_found(&self, found: Found) -> Option<CacheKey> {
        self.shared.key_found(found)
    }

    /// What is stored under a key. Blocks the thread.
    pub(crate) fn listed(&self, key: &CacheKey) -> Option<Entry> {
        self.shared.entry(key)
    }

    /// Notes that a key is asked for, though it is not looked up here: it stays when its segment
    /// has to go.
    pub fn touch(&self, key: &CacheKey) {
        self.shared.index.touch(key.stable_hash());
    }

    /// Tries once more to write down what could not be written of what must not come back.
    pub(crate) fn catch_up(&self) {
        self.purges().catch_up();
        self.shared.mark_forgotten();
    }

    /// The purge up to which all that is here was checked, at least. Those before it may be
    /// forgotten, unless some of what is here is still to be found.
    pub fn checked(&self) -> Revision {
        self.shared.checked()
    }
}

#[cfg(test)]
impl Disk {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Store for Disk {
    fn purges(&self) -> &Arc<Purges> {
        &self.shared.purges
    }

    fn lookup(&self, key: &CacheKey) -> Answer<Variants> {
        self.shared.lookup(key)
    }

    fn fill(
        &self,
        key: &CacheKey,
        head: Arc<StoredHead>,
        length: Option<u64>,
        asked: Revision,
    ) -> Fill {
        // A small one is in memory until it is committed, and a large one is written as it comes.
        let small = self.shared.log.max_stretch() as u64;
        let is_small = length.is_none_or(|length| length <= small);
        // An unknown length is claimed as it grows.
        let claim = length.filter(|_| is_small).unwrap_or(0);
        let kept = length.unwrap_or(0) <= self.max_length && self.budget.claim(claim);
        let claimed = if kept { claim } else { 0 };
        let budget = Arc::clone(&self.budget);
        let growing = Growing::new(head.body_start(), length, budget, kept, claimed);
        let keeping = kept.then(|| {
            let spool = self.spool(key);
            let ticket = Box::new(Ticket {
                shared: Arc::clone(&self.shared),
                key: key.clone(),
            });
            match is_small {
                true => {
                    let in_memory = small.min(self.max_length);
                    let keeping = Keeping::in_memory(ticket, length, in_memory, None);
                    keeping.else_on_disk(spool, self.max_length)
                }
                false => Keeping::on_disk(ticket, length, spool, self.max_length),
            }
        });
        let watch = Watch::new(self.purges(), key, asked);
        Fill::new(head, watch, growing, length, keeping, self.window)
    }

    fn freshen(&self, key: &CacheKey, old: &Stored, new: Stored) -> Answer<()> {
        // On the way to disk it may be too late to ask.
        if !self.shared.judged(key, vec![old.clone()]).is_empty() {
            self.shared.change(key, Change::Freshen(old.id, new));
        }
        Answer::Now(())
    }

    fn remove(&self, key: &CacheKey, old: &Stored) -> Answer<()> {
        self.shared.change(key, Change::Remove(old.id));
        Answer::Now(())
    }

    fn purge(&self, purge: &Purge, at: SystemTime) -> Answer<Purged> {
        let key = match &purge.target {
            Target::Key(key) => Some(key),
            _ => None,
        };
        // If it is not known at once it does not matter.
        let keys = key.and_then(|key| match self.shared.lookup(key) {
            Answer::Now(variants) => Some(u64::from(!variants.is_empty())),
            Answer::Later(_) => None,
        });
        let (revision, written) = self.purges().carry_out(purge, at);
        if let Some(key) = key.filter(|_| !purge.soft) {
            self.shared.forget(key);
        }
        written.map(move |unwritten| Purged {
            revision,
            keys,
            unwritten,
        })
    }

    /// What was purged goes with its segment: to look for it would read the whole disk.
    fn sweep(&self, _: usize) -> bool {
        // Before that it is not known what is the oldest.
        if !self.is_loading() {
            self.purges().make_room(self.checked());
        }
        self.catch_up();
        false
    }

    fn list(&self, ask: &Ask) -> Answer<Page> {
        let (shared, ask) = (Arc::clone(&self.shared), ask.clone());
        Answer::of_thread(move || shared.page(&ask))
    }

    fn entry(&self, key: &CacheKey) -> Answer<Option<Entry>> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        Answer::of_thread(move || shared.entry(&key))
    }

    fn close(&self) -> Answer<()> {
        let shared = Arc::clone(&self.shared);
        Answer::of_thread(move || shared.close())
    }

    fn stats(&self) -> Stats {
        // Before the keys: what is evicted meanwhile is not counted twice.
        let evicted = self.shared.counters.evicted.load(Relaxed);
        let disk = self.shared.stats();
        Stats {
            keys: disk.keys,
            bytes: disk.bytes,
            capacity: disk.capacity,
            filling_bytes: self.budget.used(),
            evicted,
            hits: 0,
            disk: Some(disk),
        }
    }
}

/// The way to store a response under a key.
#[derive(Debug)]
struct Ticket {
    shared: Arc<Shared>,
    key: CacheKey,
}

impl fill::Ticket for Ticket {
    fn store(&self, stored: Stored) -> bool {
        let judged = self.shared.judged(&self.key, vec![stored]);
        let mut judged = judged.into_iter();
        judged.any(|stored| self.shared.change(&self.key, Change::Put(stored)))
    }
}

/// The way to write the bytes of a body.
#[derive(Debug)]
struct Bodies {
    shared: Arc<Shared>,
    hash: u64,
}

impl Spool for Bodies {
    fn write(&self, blocks: Vec<Bytes>, done: Done) -> Result<(), Shed> {
        self.shared.log.write(self.hash, blocks, done)
    }
}

impl fmt::Debug for Disk {
    /// What it holds, summed up: a store does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.stats()).finish()
    }
}
