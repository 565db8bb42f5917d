//! Who is in the CDN, past one file: nodes register in etcd under a lease, and follow what is
//! registered there. Under the prefix are
//!
//! - `nodes/NAME`: a node, in JSON, under its lease ([`Registration`]);
//! - `config`: the configuration that was applied, in JSON ([`Applied`]).
//!
//! When etcd is away everything goes on with what is known, and nothing is emptied: see [`Members`].

mod applied;
mod follow;
mod last_view;
mod members;
mod record;
mod register;
mod roster;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::sleep,
};

pub use applied::{Application, Applied, MAX_APPLIED};
use follow::Following;
pub use members::{Members, Source};
pub use record::{Member, News, Registration};
use roster::{Patience, Roster};

use crate::{
    NodeName,
    etcd::{Entries, Etcd, EtcdConfig, EtcdError},
};

/// Where nodes register, and how they follow the others.
#[derive(Clone, Debug, PartialEq)]
pub struct MembershipConfig {
    /// Where etcd is.
    pub etcd: EtcdConfig,
    /// What all keys of this CDN begin with: `/perigee/ID/`.
    pub prefix: String,
    /// The lease that nodes register under: who does not keep it alive is forgotten after it. At least
    /// 2 s. Default 10 s.
    pub lease: Duration,
    /// How long nodes are kept whose registration is lost together with that of most others. Default
    /// 1 h.
    pub keep_missing: Duration,
    /// How often everything is read anew, in case a change was not told. Default 1 min.
    pub resync: Duration,
    /// How long a node that starts waits for etcd, before it starts with its last view. Default 5 s.
    pub start_wait: Duration,
    /// The file that the last view is kept in.
    pub last_view: Option<PathBuf>,
}

impl MembershipConfig {
    /// The key of what was applied.
    pub fn config_key(&self) -> String {
        format!("{}config", self.prefix)
    }

    /// What the keys of nodes begin with.
    fn nodes_prefix(&self) -> String {
        format!("{}nodes/", self.prefix)
    }

    fn node_key(&self, name: &str) -> String {
        format!("{}nodes/{name}", self.prefix)
    }

    /// The node that a key is of, if it is one's.
    fn node_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.prefix)?.strip_prefix("nodes/")
    }
}

/// Reads who is registered and what was applied, once.
///
/// # Errors
/// [`EtcdError`] if etcd does not answer as it should.
pub async fn look(etcd: &Etcd, config: &MembershipConfig) -> Result<Members, EtcdError> {
    read(etcd, config)
        .await
        .map(|entries| Members::of_entries(config, entries))
}

async fn read(etcd: &Etcd, config: &MembershipConfig) -> Result<Entries, EtcdError> {
    // `config` alone: nothing else begins so.
    let prefixes = [config.nodes_prefix(), config.config_key()];
    etcd.list_all(&[&prefixes[0], &prefixes[1]]).await
}

/// A node's part in the CDN. Dropped, it follows no more, and its registration ends with its lease.
pub struct Membership {
    shared: Arc<Shared>,
    own: Mutex<Option<watch::Sender<Registration>>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What the tasks share.
struct Shared {
    etcd: Etcd,
    config: MembershipConfig,
    /// The name that this node has, or will have.
    own: NodeName,
    members: watch::Sender<Arc<Members>>,
    /// Counts changes of what plans are made of.
    plans: watch::Sender<u64>,
    /// The lease that this node is registered under; zero: none.
    lease: AtomicI64,
    /// What this node registered is not there any more.
    own_lost: Notify,
    /// Etcd does not answer who keeps leases alive.
    silent: Notify,
}

impl Shared {
    async fn read(&self) -> Result<Entries, EtcdError> {
        read(&self.etcd, &self.config).await
    }

    fn is_own(&self, name: &str) -> bool {
        self.lease() != 0 && self.own.as_str() == name
    }

    fn lease(&self) -> i64 {
        self.lease.load(Ordering::Relaxed)
    }

    fn set_lease(&self, lease: i64) {
        self.lease.store(lease, Ordering::Relaxed);
    }
}

impl Membership {
    /// Reads who is there; if etcd does not answer in time, takes the last view that was kept. Then
    /// follows. `own` is the name of this node, `file` are the nodes of its file: they are expected to
    /// register, and have a lease's time for that.
    ///
    /// # Errors
    /// A text that says which file or endpoint cannot be used at all.
    pub async fn open(
        config: MembershipConfig,
        own: NodeName,
        file: Vec<Registration>,
    ) -> Result<Self, String> {
        let etcd = Etcd::new(config.etcd.clone())?;
        let members = first(&etcd, &config).await;
        let patience = Patience {
            lease: config.lease,
            keep_missing: config.keep_missing,
        };
        let expected = match members.source {
            Source::LastView => members.nodes.clone(),
            Source::Nowhere | Source::Etcd => file,
        };
        let mut roster = Roster::new(patience, Some(own.clone()), expected);
        let mut members = members;
        if members.source == Source::Etcd {
            roster.list(members.nodes, Instant::now());
            members.nodes = roster.nodes();
            members.missing = roster.missing();
        }
        let shared = Arc::new(Shared {
            etcd,
            config,
            own,
            members: watch::Sender::new(Arc::new(members.clone())),
            plans: watch::Sender::new(0),
            lease: AtomicI64::new(0),
            own_lost: Notify::new(),
            silent: Notify::new(),
        });
        let following = Following {
            shared: Arc::clone(&shared),
            roster,
            members,
            kept: false,
        };
        let task = tokio::spawn(following.run()).abort_handle();
        Ok(Membership {
            shared,
            own: Mutex::default(),
            tasks: Mutex::new(vec![task]),
        })
    }

    /// Registers this node, and keeps it registered. Once; then see [`Membership::tell`].
    pub fn register(&self, own: Registration) {
        let mut said = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none() {
            let sender = watch::Sender::new(own);
            let shared = Arc::clone(&self.shared);
            let task = tokio::spawn(register::register(shared, sender.subscribe()));
            self.tasks().push(task.abort_handle());
            *said = Some(sender);
        }
    }

    /// Changes what this node says of itself.
    pub fn tell(&self, change: impl FnOnce(&mut Registration)) {
        let said = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = &*said {
            said.send_if_modified(|own| {
                let before = own.clone();
                change(own);
                *own != before
            });
        }
    }

    /// Ends the registration: the others forget this node at once.
    pub async fn leave(&self) {
        self.stop();
        let lease = self.shared.lease.swap(0, Ordering::Relaxed);
        if lease != 0
            && let Err(error) = self.shared.etcd.revoke(lease).await
        {
            tracing::warn!("the registration stays until its lease ends: {error}");
        }
    }

    /// What is known now.
    pub fn members(&self) -> Arc<Members> {
        Arc::clone(&self.shared.members.borrow())
    }

    /// What is known, as it changes.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Members>> {
        self.shared.members.subscribe()
    }

    /// A number that grows when [`Members::plan`] changes.
    pub fn plans(&self) -> watch::Receiver<u64> {
        self.shared.plans.subscribe()
    }

    /// The client, for what else is kept in etcd under [`MembershipConfig::prefix`].
    pub fn etcd(&self) -> &Etcd {
        &self.shared.etcd
    }

    /// What it was opened with.
    pub fn config(&self) -> &MembershipConfig {
        &self.shared.config
    }

    fn stop(&self) {
        for task in self.tasks().drain(..) {
            task.abort();
        }
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// What is known at the start.
async fn first(etcd: &Etcd, config: &MembershipConfig) -> Members {
    let mut trouble = "etcd has not answered".to_owned();
    let asked = async {
        loop {
            match look(etcd, config).await {
                Ok(members) => return members,
                Err(error) => trouble = error.to_string(),
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    if let Ok(members) = tokio::time::timeout(config.start_wait, asked).await {
        return members;
    }
    let waited = config.start_wait;
    let kept = config.last_view.as_deref().map(last_view::read);
    match kept {
        Some(Ok(Some(members))) => {
            let nodes = members.nodes.len();
            tracing::warn!(
                nodes,
                "{trouble}, for {waited:?}: starting with the last view"
            );
            members
        }
        Some(Err(why)) => {
            tracing::warn!("{trouble}, for {waited:?}, and {why}: starting with the file");
            Members::nobody()
        }
        Some(Ok(None)) | None => {
            tracing::warn!(
                "{trouble}, for {waited:?}, and no last view is kept: starting with the file"
            );
            Members::nobody()
        }
    }
}

#[cfg(test)]
mod tests;
