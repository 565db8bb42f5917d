//! Follows what etcd has: reads it whole, then watches it; reads it anew from time to time, and
//! whenever the watch breaks or etcd has compacted what was to be watched.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{Applied, Members, Registration, Shared, Source, last_view, roster::Roster};
use crate::etcd::{Change, Entries, EtcdError};

/// Between two tries to reach an etcd that does not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What has been understood so far.
pub(super) struct Following {
    pub(super) shared: Arc<Shared>,
    pub(super) roster: Roster,
    pub(super) members: Members,
    /// Whether the view was written to its file, or that was tried, since the start.
    pub(super) kept: bool,
}

impl Following {
    /// Follows for as long as it is let.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            let Err(error) = self.follow().await;
            if error == EtcdError::Compacted {
                tracing::info!("etcd has compacted its history: reading the members anew");
                continue;
            }
            if begun.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            self.in_trouble(&error);
            // Not all nodes at once.
            self.wait(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits, but forgets whom it is time to forget.
    async fn wait(&mut self, pause: Duration) {
        sleep(pause).await;
        if self.members.source == Source::Etcd {
            self.roster.settle(Instant::now());
            self.publish().await;
        }
    }

    async fn follow(&mut self) -> Result<Infallible, EtcdError> {
        loop {
            let entries = self.shared.read().await?;
            let revision = entries.revision;
            self.take_all(entries).await;
            self.watch(revision + 1).await?;
        }
    }

    /// Watches until it is time to read everything anew.
    async fn watch(&mut self, revision: i64) -> Result<(), EtcdError> {
        let shared = Arc::clone(&self.shared);
        let prefix = &shared.config.prefix;
        let mut watch = shared.etcd.watch(prefix, revision).await?;
        let anew = sleep(shared.config.resync);
        tokio::pin!(anew);
        loop {
            let due = self.roster.due();
            let due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changes = watch.next() => {
                    for change in changes? {
                        self.take(change);
                    }
                }
                () = due => {}
                () = shared.silent.notified() => {
                    let why = "leases are not kept alive".to_owned();
                    return Err(EtcdError::Unreachable(why));
                }
                () = &mut anew => return Ok(()),
            }
            self.roster.settle(Instant::now());
            self.publish().await;
        }
    }

    async fn take_all(&mut self, entries: Entries) {
        if let Some(why) = self.members.trouble.take() {
            tracing::info!("etcd answers again, after: {why}");
        }
        let read = Members::of_entries(&self.shared.config, entries);
        let now = Instant::now();
        self.roster.list(read.nodes, now);
        self.roster.settle(now);
        for (key, why) in &read.refused {
            if self.members.refused.get(key) != Some(why) {
                tracing::warn!(key, "what is registered there is not believed: {why}");
            }
        }
        if read.applied.is_some() {
            self.members.applied = read.applied;
        }
        self.members.refused = read.refused;
        self.members.source = Source::Etcd;
        self.publish().await;
    }

    fn take(&mut self, change: Change) {
        let Change { entry, deleted } = change;
        let config = &self.shared.config;
        if entry.key == config.config_key() {
            match Applied::parse(&entry) {
                _ if deleted => tracing::warn!("what was applied is deleted: it goes on here"),
                Ok(applied) => self.members.applied = Some(Arc::new(applied)),
                Err(why) => self.refuse(entry.key, why),
            }
            return;
        }
        let Some(name) = config.node_of(&entry.key) else {
            return;
        };
        if self.shared.is_own(name) && entry.lease != self.shared.lease() {
            self.shared.own_lost.notify_one();
        }
        if deleted {
            self.members.refused.remove(&entry.key);
            self.roster.gone(&name.into(), Instant::now());
            return;
        }
        match Registration::parse(name, &entry.value) {
            // What this node says of itself, it knows better.
            Ok(_) if self.shared.is_own(name) && entry.lease != self.shared.lease() => {}
            Ok(said) => {
                self.members.refused.remove(&entry.key);
                self.roster.put(said);
            }
            Err(why) => {
                self.roster.gone(&name.into(), Instant::now());
                self.refuse(entry.key, why);
            }
        }
    }

    fn refuse(&mut self, key: String, why: String) {
        tracing::warn!(key, "what is registered there is not believed: {why}");
        self.members.refused.insert(key, why);
    }

    fn in_trouble(&mut self, error: &EtcdError) {
        if self.members.trouble.is_none() {
            tracing::warn!("{error}: going on with what is known");
        }
        self.members.trouble = Some(error.to_string());
        self.shared
            .members
            .send_replace(Arc::new(self.members.clone()));
    }

    /// Lets everybody know, and keeps it.
    async fn publish(&mut self) {
        self.members.nodes = self.roster.nodes();
        self.members.missing = self.roster.missing();
        let before = Arc::clone(&self.shared.members.borrow());
        if *before == self.members && self.kept {
            return;
        }
        let members = Arc::new(self.members.clone());
        self.shared.members.send_replace(Arc::clone(&members));
        let changed = before.plan() != members.plan();
        if changed {
            self.shared.plans.send_modify(|count| *count += 1);
        }
        // Also what was all there at the start, and has not changed since.
        if changed || !self.kept {
            self.kept = true;
            self.keep(members).await;
        }
    }

    /// Writes the view to its file.
    async fn keep(&self, members: Arc<Members>) {
        let Some(file) = self.shared.config.last_view.clone() else {
            return;
        };
        let shown = file.display().to_string();
        let written = tokio::task::spawn_blocking(move || last_view::write(&file, &members)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the view is not kept in {shown}: {error}"),
            Err(error) => tracing::warn!("the view is not kept in {shown}: {error}"),
        }
    }
}
