//! Purges: carried out, written down for others, and learned of from them.
//!
//! What is decided is in `perigee_cluster` ([`Follower`]); here it is done. The order of things:
//! a purge is carried out (the store has it in its journal then), then it is in this node's log,
//! and only then the cursor is moved that it was read by, in memory and on disk. So a node that ends
//! in between does something twice at worst.

mod following;
mod removed;
mod saved;
mod serving;

pub(crate) use following::Following;
pub(crate) use serving::answer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use perigee_cluster::{
    Etcd, EtcdKeeper, Followed, Follower, Keeper, Moment, PurgeEntry, PurgeLog, new_id,
};
use perigee_proxy::{InTouch, PurgeOrder};

use crate::{Follow, PurgeConfig};
use removed::Removed;
use saved::{Followings, Saved};

/// What a node knows of purges, its own and others'.
#[derive(Debug)]
pub(crate) struct Purges {
    pub(crate) log: Arc<PurgeLog>,
    pub(crate) removed: Removed,
    follower: Mutex<Follower>,
    /// The log in etcd, if there is one.
    etcd: Option<Arc<EtcdKeeper>>,
    /// Files beside what is stored, if that outlives the process.
    saved: Option<Arc<tokio::sync::Mutex<Saved>>>,
    /// A purge is not in the store's journal: a restart must read it again.
    behind: AtomicBool,
}

impl Purges {
    /// Those of a node that starts now, with what its last life left in this folder.
    pub(crate) fn open(config: &PurgeConfig, folder: Option<&Path>) -> Result<Self, String> {
        let (id, started) = (new_id()?, Moment::now());
        let (out_of_touch, most) = (config.out_of_touch, config.log_entries);
        let (log, followings, saved) = match folder {
            None => (PurgeLog::new(id, most), Followings::default(), None),
            Some(folder) => {
                let (log, followings, saved) = saved::open(folder, id, most);
                (
                    log,
                    followings,
                    Some(Arc::new(tokio::sync::Mutex::new(saved))),
                )
            }
        };
        let floor = followings.floor.map(time);
        let mut follower = Follower::new(out_of_touch, started, floor, followings.cursors());
        let etcd = match &config.etcd {
            Some(log) => {
                let etcd = Arc::new(Etcd::new(log.etcd.clone())?);
                Some(Arc::new(EtcdKeeper::new(etcd, &log.prefix)))
            }
            None => None,
        };
        follower.follow(followed(config, etcd.as_deref()), config.needed);
        Ok(Purges {
            log: Arc::new(log),
            removed: Removed::default(),
            follower: Mutex::new(follower),
            etcd,
            saved,
            behind: AtomicBool::new(false),
        })
    }

    /// Follows others from now on.
    fn follow(&self, config: &PurgeConfig) {
        let follows = followed(config, self.etcd.as_deref());
        self.follower().follow(follows, config.needed);
    }

    /// Says how far what is stored may be trusted now.
    pub(crate) fn tell(&self, in_touch: &InTouch) {
        // Said under the lock: what another task knows by now must not be overwritten by less.
        let follower = self.follower();
        let now = Moment::now();
        let touch = follower.touch(now);
        in_touch.set(touch.until, touch.floor, now.wall);
    }

    /// Comes back once it is in touch for the first time.
    pub(crate) async fn until_heard(&self, in_touch: &InTouch) {
        while self.follower().touch(Moment::now()).until.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.tell(in_touch);
    }

    /// Writes a purge down for others; its number. Some purges may be in no journal.
    pub(crate) async fn append(
        &self,
        id: String,
        order: &PurgeOrder,
        again_by: Option<String>,
    ) -> Result<u64, String> {
        let entry = PurgeEntry {
            id,
            at: millis(SystemTime::now()),
            order: serde_json::to_string(order).map_err(|why| why.to_string())?,
            again_by,
        };
        let Some(saved) = &self.saved else {
            return Ok(self.log.append(entry));
        };
        let (saved, log) = (Arc::clone(saved), Arc::clone(&self.log));
        // In a task of its own: who waits for it may be stopped, and half of it is of no use.
        let written = tokio::spawn(async move {
            // In the file as in the log: one after the other.
            let mut saved = saved.lock().await;
            saved.append(&entry, &log).await;
            log.append(entry)
        });
        written.await.map_err(|why| why.to_string())
    }

    /// A purge could not be written into the store's journal.
    pub(crate) fn is_behind(&self) {
        self.behind.store(true, Relaxed);
    }

    /// Keeps cursors and floor for the next life. Not if that would have to carry out again what it
    /// does not find in the journal.
    async fn save(&self) {
        let Some(saved) = &self.saved else { return };
        let mut saved = Arc::clone(saved).lock_owned().await;
        if self.behind.load(Relaxed) {
            return;
        }
        let followings = {
            let follower = self.follower();
            Followings::of(follower.cursors(), follower.floor().map(millis))
        };
        // As above.
        let _ = tokio::spawn(async move { saved.keep(followings).await }).await;
    }

    /// It is whole after each change, so a panic elsewhere does not spoil it.
    fn follower(&self) -> MutexGuard<'_, Follower> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn followed(config: &PurgeConfig, etcd: Option<&EtcdKeeper>) -> Vec<Followed> {
    let followed = |follow: &Follow| Followed {
        name: follow.node.name.clone(),
        counts: follow.counts,
        refills: follow.refills,
    };
    let nodes = config.follows.iter().map(followed);
    let log = etcd.zip(config.etcd.as_ref());
    let log = log.map(|(keeper, log)| Followed {
        name: keeper.name().clone(),
        counts: true,
        refills: log.refills,
    });
    nodes.chain(log).collect()
}

/// Milliseconds since 1970, rounded up: a floor is never lower than it was.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> SystemTime {
    let since = Duration::from_millis(millis);
    // A file may say anything: what it says of a time that there is not is not believed.
    UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Future, poll_fn},
        pin::pin,
        task::Poll,
    };

    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn who_is_stopped_while_it_writes_leaves_no_hole_in_the_log() {
        let folder = TempDir::new().expect("a folder");
        let open = || Purges::open(&PurgeConfig::default(), Some(folder.path())).expect("opens");
        let (purges, order) = (open(), PurgeOrder::default());
        {
            let mut stopped = pin!(purges.append("a".into(), &order, None));
            let polled = poll_fn(|cx| Poll::Ready(stopped.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
        }
        purges
            .append("b".into(), &order, None)
            .await
            .expect("is written");
        let ids = |purges: &Purges| -> Vec<String> {
            let entries = purges.log.entries().into_iter();
            entries.map(|entry| entry.id).collect()
        };
        assert_eq!(ids(&purges), ["a", "b"]);
        assert_eq!(ids(&open()), ["a", "b"]);
    }
}
