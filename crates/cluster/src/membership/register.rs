//! Registers this node under a lease, and keeps that alive; registers again when it is lost.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, sleep},
};

use super::{Registration, Shared};
use crate::etcd::{Entry, EtcdError, Written};

/// How far the load moves before it is said again.
const LOAD_STEP: f64 = 0.1;
/// Between two tries to register.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Registers for as long as it is let.
pub(super) async fn register(shared: Arc<Shared>, mut own: watch::Receiver<Registration>) {
    let mut pause = FIRST_PAUSE;
    let mut said = String::new();
    loop {
        match hold(&shared, &mut own).await {
            Ok(()) => {
                tracing::info!("the registration is lost: registering again");
                pause = FIRST_PAUSE;
            }
            Err(why) => {
                if why != said {
                    tracing::warn!("not registered: {why}");
                    said = why;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// Registers, and returns when the lease or the record is lost; or says why there is none.
async fn hold(shared: &Shared, own: &mut watch::Receiver<Registration>) -> Result<(), String> {
    let (lease, ttl) = shared
        .etcd
        .grant(shared.config.lease)
        .await
        .map_err(|error| error.to_string())?;
    let claim = Claim {
        shared,
        key: shared
            .config
            .node_key(own.borrow().member.node.name.as_str()),
        lease,
    };
    let mut said = own.borrow_and_update().clone();
    shared.set_lease(lease);
    if let Err(why) = claim.take(&said).await {
        shared.set_lease(0);
        let _ = shared.etcd.revoke(lease).await;
        return Err(why);
    }
    tracing::info!(lease_s = ttl.as_secs(), "registered in etcd");
    // Not begun anew by what else happens.
    let mut beat = tokio::time::interval(ttl / 3);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    loop {
        tokio::select! {
            _ = beat.tick() => {
                if !claim.keep_alive(ttl).await {
                    return Ok(());
                }
            }
            changed = own.changed() => {
                if changed.is_err() {
                    return std::future::pending().await;
                }
            }
            () = shared.own_lost.notified() => {
                if !claim.keep_alive(ttl).await {
                    return Ok(());
                }
                // The lease lives: somebody else has written, or deleted, the record.
                if claim.take(&said).await.is_err() {
                    claim.insist(&said).await;
                }
                continue;
            }
        }
        let new = own.borrow_and_update().clone();
        if is_news(&said, &new) {
            match claim.take(&new).await {
                Ok(()) => said = new,
                Err(why) => tracing::warn!("what is new is not registered: {why}"),
            }
        }
    }
}

/// Whether it is worth a revision.
fn is_news(said: &Registration, new: &Registration) -> bool {
    let mut alike = new.clone();
    alike.news.load = said.news.load;
    alike != *said || (new.news.load - said.news.load).abs() >= LOAD_STEP
}

/// A record under a lease.
struct Claim<'a> {
    shared: &'a Shared,
    key: String,
    lease: i64,
}

impl Claim<'_> {
    /// Writes the record, unless it is another node's.
    async fn take(&self, own: &Registration) -> Result<(), String> {
        let etcd = &self.shared.etcd;
        let words = |error: EtcdError| error.to_string();
        let (_, there) = etcd.get(&self.key).await.map_err(words)?;
        let mut before = 0;
        if let Some(there) = there {
            self.is_free(&there, own)?;
            before = there.mod_revision;
        }
        let value = own.to_json();
        let written = etcd.put_if(&self.key, &value, self.lease, before).await;
        match written.map_err(words)? {
            Written::Done(_) => Ok(()),
            Written::Otherwise(_) => Err("another one writes there at the same time".to_owned()),
        }
    }

    /// A record of this node's own, of an earlier run, or one that is not believed may be replaced.
    fn is_free(&self, there: &Entry, own: &Registration) -> Result<(), String> {
        let name = own.member.node.name.as_str();
        match Registration::parse(name, &there.value) {
            Ok(other)
                if there.lease != self.lease
                    && other.member.node.address != own.member.node.address =>
            {
                Err(format!(
                    "{name} is registered at {} already: give this node another name, or wait until that one's lease has ended",
                    other.member.node.address
                ))
            }
            _ => Ok(()),
        }
    }

    /// This node held the name first: whoever wrote over it is overwritten.
    async fn insist(&self, own: &Registration) {
        tracing::warn!(
            key = self.key,
            "another one has registered under this node's name"
        );
        let value = own.to_json();
        let put = self.shared.etcd.put(&self.key, &value, self.lease);
        if let Err(error) = put.await {
            tracing::warn!("not registered: {error}");
        }
        sleep(FIRST_PAUSE).await;
    }

    /// Keeps the lease alive, however long etcd takes to answer; `false`: it is gone.
    async fn keep_alive(&self, ttl: Duration) -> bool {
        let pause = (ttl / 10).clamp(Duration::from_millis(100), Duration::from_secs(1));
        loop {
            match self.shared.etcd.keep_alive(self.lease).await {
                Ok(alive) => return alive,
                Err(EtcdError::Refused(_)) => return false,
                Err(error) => {
                    tracing::debug!("the lease is not kept alive: {error}");
                    self.shared.silent.notify_waiters();
                    sleep(pause).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::tests::registration, *};

    #[test]
    fn little_changes_of_load_are_no_news() {
        let said = registration("a", 1);
        let mut new = said.clone();
        new.news.load += LOAD_STEP / 2.0;
        assert!(!is_news(&said, &new));
        new.news.load = said.news.load + LOAD_STEP * 1.5;
        assert!(is_news(&said, &new));
        let mut new = said.clone();
        new.news.draining = true;
        assert!(is_news(&said, &new));
    }
}
