//! The purges that a node has carried out, in a log that others read, so that one who was away
//! learns of them before it serves what it held.
//!
//! Each node that stores keeps a log of its own ([`PurgeLog`]): a [`Cursor`] is the log's id and a
//! position in it. Who follows reads what came after its cursor ([`Keeper`]), carries that out, and
//! moves the cursor: [`Follower`] decides what, and whether what is stored may be trusted. It is
//! pure, and its head says why each race ends well.

mod etcd_keeper;
mod follower;
mod keeper;

pub use etcd_keeper::EtcdKeeper;
pub use follower::{Carry, Followed, Follower, Moment, Refills, Step, Touch};
pub use keeper::{Keeper, NodeKeeper, Reading, asked};

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Where edges and shields answer with their log, on the address they serve on.
pub const PURGES_PATH: &str = "/.well-known/perigee/purges";

/// A purge, as logs have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeEntry {
    /// What tells it from all others, in every log that it is in.
    pub id: String,
    /// When it was carried out by the keeper of the log: milliseconds since 1970.
    pub at: u64,
    /// What was purged: JSON, which logs do not look into.
    pub order: String,
    /// The keeper of this log, if it came late by it: whoever has fetched from it meanwhile may have
    /// fetched what was purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_by: Option<String>,
}

/// A position in a log: that after so many entries, since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The log.
    pub log: String,
    /// The number of the last entry that was read; 0 is before the first.
    pub position: u64,
}

/// What a keeper answers who reads its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The log.
    pub log: String,
    /// Whether these are all that came after the cursor of who asks. If not, some are unknown, and
    /// these are the oldest that are still kept.
    pub whole: bool,
    /// The number of the entry before these.
    pub from: u64,
    /// In order, without gaps. There may be more.
    pub entries: Vec<PurgeEntry>,
    /// The number of the last entry of the log.
    pub head: u64,
}

impl Page {
    /// The cursor of who has read it.
    pub fn end(&self) -> Cursor {
        Cursor {
            log: self.log.clone(),
            position: self.from + self.entries.len() as u64,
        }
    }
}

/// An id that nothing else has: of a purge, or of a log. 128 random bits, as 32 hexadecimal digits.
///
/// # Errors
/// The system gives no randomness.
pub fn new_id() -> Result<String, String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| "the system gives no random bytes".to_owned())?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Entries of one page at most.
const PAGE_ENTRIES: usize = 1_000;

/// Bytes of orders in one page at most, but for its first.
const PAGE_BYTES: usize = 256 * 1024;

/// A node's log: the last purges that it has carried out, oldest dropped first.
#[derive(Debug)]
pub struct PurgeLog {
    id: String,
    /// The ends of the logs of earlier lives, which this one goes on: see [`PurgeLog::going_on`].
    former: Vec<Cursor>,
    capacity: usize,
    log: Mutex<Log>,
    head: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Log {
    /// The number of the last entry, kept or dropped.
    head: u64,
    entries: VecDeque<PurgeEntry>,
    /// How many entries of each purge are kept.
    ids: HashMap<String, usize>,
}

impl PurgeLog {
    /// An empty log of this id, which is to be unlike all others, that keeps `capacity` entries.
    pub fn new(id: String, capacity: usize) -> Self {
        PurgeLog::going_on(id, Vec::new(), Vec::new(), capacity)
    }

    /// A log that goes on after what is left of those of earlier lives: `former` says where each of
    /// them ended, the last one last, and `entries` are the last of them.
    ///
    /// A life that ended all at once may have shown entries that are not left. Whoever has read
    /// them has them. So a cursor behind the end of a former log is as good as that end; only that
    /// this life needs an id of its own, since it gives out the numbers of those entries again.
    pub fn going_on(
        id: String,
        former: Vec<Cursor>,
        entries: Vec<PurgeEntry>,
        capacity: usize,
    ) -> Self {
        let end = former.last().map_or(0, |last| last.position);
        let from = end.saturating_sub(entries.len() as u64);
        let log = PurgeLog {
            id,
            former,
            capacity: capacity.max(1),
            log: Mutex::new(Log {
                head: from,
                ..Log::default()
            }),
            head: watch::Sender::new(from),
        };
        for entry in entries {
            log.append(entry);
        }
        log
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes a purge down; answers with its number.
    pub fn append(&self, entry: PurgeEntry) -> u64 {
        let mut log = self.log();
        log.head += 1;
        *log.ids.entry(entry.id.clone()).or_default() += 1;
        log.entries.push_back(entry);
        while log.entries.len() > self.capacity {
            log.drop_oldest();
        }
        let head = log.head;
        self.head.send_replace(head);
        head
    }

    /// The number of the last entry; 0 if there was none.
    pub fn head(&self) -> u64 {
        self.log().head
    }

    /// All entries that are kept.
    pub fn entries(&self) -> Vec<PurgeEntry> {
        self.log().entries.iter().cloned().collect()
    }

    /// Tells of each new head.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Whether a purge is in it, as far as it is kept.
    pub fn has(&self, id: &str) -> bool {
        self.log().ids.contains_key(id)
    }

    /// What came after this cursor, as much as one page has.
    pub fn page(&self, after: Option<&Cursor>) -> Page {
        let log = self.log();
        let dropped = log.head - log.entries.len() as u64;
        let known = after.and_then(|cursor| match cursor.log == self.id {
            true => (dropped..=log.head)
                .contains(&cursor.position)
                .then_some(cursor.position),
            // It may be ahead of all that is left.
            false => {
                let end = self.former.iter().find(|end| end.log == cursor.log)?;
                let position = cursor.position.min(end.position);
                (dropped <= position).then_some(position)
            }
        });
        // A log that lost nothing and is read from its beginning is whole to nobody: what its keeper
        // did in an earlier life is not in it.
        let from = known.unwrap_or(dropped);
        let mut bytes = 0;
        let skipped = usize::try_from(from - dropped).unwrap_or(usize::MAX);
        let entries = log.entries.iter().skip(skipped);
        let page = entries.take(PAGE_ENTRIES).take_while(|entry| {
            let fits = bytes < PAGE_BYTES;
            bytes += entry.order.len();
            fits
        });
        Page {
            log: self.id.clone(),
            whole: known.is_some(),
            from,
            entries: page.cloned().collect(),
            head: log.head,
        }
    }

    /// It is whole after each change, so a panic elsewhere does not spoil it.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        if let Some(count) = self.ids.get_mut(&oldest.id) {
            *count -= 1;
            if *count == 0 {
                self.ids.remove(&oldest.id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
