//! What was purged, and what that means for what is stored.
//!
//! A purge is noted here, and nothing else need be done: it costs the same whatever is stored.
//! Each stored response carries the [`Revision`] up to which it was checked, beginning with that
//! from before its request was sent. Whoever looks one up compares it with [`Purges::now`], and
//! asks for a [`Verdict`] only where they differ. So a purge holds for every lookup that begins
//! after it, and wins against every fill that was asked for before it, however late that ends.

mod journal;
mod names;
mod table;
mod target;
mod watch;

pub use target::{Purge, Target};
pub(crate) use watch::Watch;

use std::{
    cmp::Ordering,
    path::Path,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::SystemTime,
};

use perigee_http_cache::{CacheKey, StoredHead};

use crate::{Answer, disk::log::Files};
use journal::{All, Journal};
use table::{Labels, Record, Table};

/// The number of a purge: one more than that of the purge before. Also a moment, the one after
/// this purge; zero is the one before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision with this number.
    pub const fn new(number: u64) -> Self {
        Revision(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What purges have made of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None was about it.
    Holds,
    /// It is stale from this moment on: that of the first, and all were soft.
    Stale(SystemTime),
    /// It must not be used any more.
    Gone,
}

/// What came of a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Its number.
    pub revision: Revision,
    /// Keys that had responses which are gone, or stale, by it; `None` where that is not known: they
    /// are found one by one, as they are looked up.
    pub keys: Option<u64>,
    /// Why it holds until a restart only, if what is stored outlives that: it could not be written
    /// down.
    pub unwritten: Option<String>,
}

/// What is known of purges, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeStats {
    /// The last purge.
    pub revision: Revision,
    /// Purges that are known.
    pub known: u64,
    /// What was checked before this one counts as gone.
    pub floor: Revision,
    /// Purges that were forgotten for want of room while something might have been older.
    pub lost: u64,
}

/// Purges that are known at once, if nothing else is configured.
pub const MOST_PURGES: usize = 65_536;

/// All purges that something stored may be older than.
///
/// `now` is written while the lock is held for writing, after the table has the purge. Who loads
/// it (Acquire) and finds a purge thus finds it in the table too. That a request which begins after
/// the answer to a purge finds it needs no more: the answer and the request go through locks of
/// the runtime and of the kernel, so the store happens before the load, and a load never gives a
/// value older than one that happened before it. And since nothing moves before an Acquire load, a
/// request whose revision was loaded first is not sent before that.
#[derive(Debug)]
pub struct Purges {
    now: AtomicU64,
    lost: AtomicU64,
    table: RwLock<Table>,
    most: usize,
    journal: Option<Journal>,
}

impl Purges {
    /// None so far. At most so many are known at once: with more, what was checked before the
    /// oldest that had to be forgotten counts as gone.
    pub fn new(most: usize) -> Self {
        Purges {
            now: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            table: RwLock::default(),
            most: most.max(1),
            journal: None,
        }
    }

    /// Those of a journal, which is written to from now on. If it is damaged, or not there, all that
    /// was stored before is gone. Reads a file, and blocks the thread for that; and so does who drops
    /// this, until all is written.
    ///
    /// # Errors
    /// The process may have no more threads.
    pub(crate) fn open(
        files: &Arc<dyn Files>,
        path: &Path,
        most: usize,
        at: SystemTime,
    ) -> std::io::Result<Self> {
        let replayed = journal::replay(&**files, path, most.max(1), at);
        if let Some(damage) = replayed.damage {
            let path = path.display();
            tracing::warn!(%path, damage, "the journal of purges is of no use: what is stored on disk counts as purged");
        }
        let all = all(&replayed.table);
        Ok(Purges {
            now: AtomicU64::new(replayed.now),
            lost: AtomicU64::new(u64::from(replayed.damage.is_some())),
            table: RwLock::new(replayed.table),
            most: most.max(1),
            journal: Some(Journal::start(Arc::clone(files), path.to_owned(), all)?),
        })
    }

    /// Carries out a purge: it holds when this returns. The answer comes when it is written down, if
    /// there is a journal: why that could not be done, or `None`.
    pub(crate) fn carry_out(
        &self,
        purge: &Purge,
        at: SystemTime,
    ) -> (Revision, Answer<Option<String>>) {
        let record = self.record(purge, at);
        let revision = Revision(record.revision);
        let Some(journal) = &self.journal else {
            return (revision, Answer::Now(None));
        };
        let written = self.write_down(journal, Some(record));
        (revision, Answer::Later(Box::pin(written)))
    }

    /// Tries once more to write down what could not be written.
    pub(crate) fn catch_up(&self) {
        if let Some(journal) = self.journal.as_ref().filter(|it| it.is_behind()) {
            // Whoever asked for these was told that they are not written.
            drop(self.write_down(journal, None));
        }
    }

    fn write_down(
        &self,
        journal: &Journal,
        record: Option<Record>,
    ) -> impl Future<Output = Option<String>> + use<> {
        // Held until it is queued: a purge that is not in `all` must come to the writer after it, or
        // the file that is written anew would be without it.
        let table = self.read();
        let all = journal.wants_all(table.live()).then(|| all(&table));
        let written = journal.write(record, all);
        drop(table);
        async {
            let gone = |_| Some("the thread that writes purges has ended".to_owned());
            written.await.unwrap_or_else(gone)
        }
    }

    /// The last purge: one load.
    pub fn now(&self) -> Revision {
        Revision(self.now.load(Acquire))
    }

    /// A purge, carried out at this time, that is not written down. It holds when this returns.
    pub fn note(&self, purge: &Purge, at: SystemTime) -> Revision {
        Revision(self.record(purge, at).revision)
    }

    fn record(&self, purge: &Purge, at: SystemTime) -> Record {
        let mut table = self.write();
        let record = Record {
            revision: self.now.load(Relaxed) + 1,
            at,
            soft: purge.soft,
            name: table.names().of(&purge.target),
        };
        table.note(record);
        if table.keep_at_most(self.most) {
            self.lost.fetch_add(1, Relaxed);
        }
        self.now.store(record.revision, Release);
        record
    }

    /// What has become of a response that was checked up to `since`, or asked for then. Without its
    /// head any of its labels counts as purged if one of its host or origin was.
    pub fn verdict(&self, key: &CacheKey, head: Option<&StoredHead>, since: Revision) -> Verdict {
        match since.cmp(&self.now()) {
            Ordering::Equal => return Verdict::Holds,
            // It was stored under another journal, of which nothing is known.
            Ordering::Greater => return Verdict::Gone,
            Ordering::Less => {}
        }
        let labels = head.map_or(Labels::Unknown, Labels::Of);
        self.read().verdict(key, labels, since.0)
    }

    /// Whether this key was purged since then as such, by its prefix, its host, or with everything:
    /// whatever labels its responses have.
    pub fn key_was_purged(&self, key: &CacheKey, since: Revision) -> bool {
        since < self.now() && self.read().verdict(key, Labels::None, since.0) != Verdict::Holds
    }

    /// Whether this key, or another one that differs in its query alone, was purged since then.
    pub fn path_was_purged(&self, key: &CacheKey, since: Revision) -> bool {
        since < self.now() && self.read().path_was_purged(key, since.0)
    }

    /// Forgets purges: all that is stored has been checked up to this one, itself included. What
    /// was checked before it all the same, such as a fill that stood still, counts as gone.
    pub fn forget_before(&self, revision: Revision) {
        self.write().forget_before(revision.0);
    }

    /// Forgets purges up to this one, as [`Purges::forget_before`] does, once half of those are known
    /// that may be: until then they cost nothing, and a fill that stood still may need them.
    pub(crate) fn make_room(&self, checked: Revision) {
        if self.read().len() > self.most / 2 {
            self.forget_before(checked);
        }
    }

    /// What is known now.
    pub fn stats(&self) -> PurgeStats {
        let table = self.read();
        PurgeStats {
            revision: self.now(),
            known: table.len() as u64,
            floor: Revision(table.floor()),
            lost: self.lost.load(Relaxed),
        }
    }

    /// A panic under the lock leaves a purge half noted at worst, and none is answered for that.
    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn all(table: &Table) -> All {
    All {
        names: table.names(),
        floor: table.floor(),
        records: table.records(),
    }
}

#[cfg(test)]
mod tests;
