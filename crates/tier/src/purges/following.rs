//! The tasks that follow the logs of others.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use perigee_cluster::{Carry, Cursor, Keeper, Moment, NodeKeeper, NodeName, Page, Prober};
use perigee_proxy::PurgeOrder;
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{PurgeConfig, handler::Shared, state::State};

/// How long a keeper that has nothing new may wait until it says so.
const WAIT: Duration = Duration::from_secs(1);

/// How long to wait after one that did not answer.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the request path is told how far it may trust what is stored, besides at each news.
const TELL: Duration = Duration::from_millis(250);

/// Follows the logs of others, as long as it lives.
#[derive(Debug)]
pub(crate) struct Following {
    tasks: Mutex<Option<AbortHandle>>,
    runtime: Handle,
}

impl Following {
    /// Follows nobody yet.
    pub(crate) fn new() -> Self {
        Following {
            tasks: Mutex::default(),
            runtime: Handle::current(),
        }
    }

    /// Follows these from now on, and no others.
    pub(crate) fn set<S: State>(
        &self,
        shared: &Arc<Shared<S>>,
        config: &PurgeConfig,
        prober: Option<Arc<Prober>>,
    ) {
        shared.purges.follow(config);
        shared.purges.tell(shared.exchange.in_touch());
        let nodes = config.follows.iter().map(|follow| follow.node.clone());
        let mut keepers: Vec<Arc<dyn Keeper>> = match prober {
            Some(prober) => nodes
                .map(|node| Arc::new(NodeKeeper::new(node, Arc::clone(&prober))) as Arc<dyn Keeper>)
                .collect(),
            None => Vec::new(),
        };
        let etcd = shared.purges.etcd.clone();
        keepers.extend(etcd.map(|etcd| etcd as Arc<dyn Keeper>));
        let all = all(Arc::downgrade(shared), keepers, config.out_of_touch);
        let task = self.runtime.spawn(all).abort_handle();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = tasks.replace(task) {
            before.abort();
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = &*tasks {
            tasks.abort();
        }
    }
}

/// Each keeper in a task of its own, and one that tells how far things may be trusted.
async fn all<S: State>(
    shared: Weak<Shared<S>>,
    keepers: Vec<Arc<dyn Keeper>>,
    out_of_touch: Duration,
) {
    let mut tasks = JoinSet::new();
    for keeper in keepers {
        tasks.spawn(follow(Weak::clone(&shared), keeper, out_of_touch));
    }
    let mut ticks = interval(TELL.min(out_of_touch / 4).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.purges.tell(shared.exchange.in_touch());
    }
}

/// Reads one log, again and again.
async fn follow<S: State>(
    shared: Weak<Shared<S>>,
    keeper: Arc<dyn Keeper>,
    out_of_touch: Duration,
) {
    let most = out_of_touch / 4;
    // At first it is asked where it is, without waiting.
    let mut wait = Duration::ZERO;
    let name = keeper.name();
    loop {
        let Some(asked) = shared.upgrade().map(|it| it.purges.cursor(name)) else {
            return;
        };
        let sent = Moment::now();
        let read = keeper.read(asked.as_ref(), wait).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        match read {
            Ok(page) => {
                shared.take_in_purges(name, (asked, sent), page).await;
                wait = WAIT.min(most);
            }
            Err(why) => {
                tracing::debug!(keeper = %name, why, "a log of purges cannot be read");
                shared.purges.failed(name);
                wait = Duration::ZERO;
            }
        }
        shared.purges.tell(shared.exchange.in_touch());
        drop(shared);
        if wait.is_zero() {
            sleep(PAUSE.min(most)).await;
        }
    }
}

/// What an order is taken for that is not understood.
fn everything() -> PurgeOrder {
    PurgeOrder {
        everything: true,
        ..PurgeOrder::default()
    }
}

impl super::Purges {
    fn cursor(&self, keeper: &NodeName) -> Option<Cursor> {
        self.follower().cursor(keeper).cloned()
    }

    fn failed(&self, keeper: &NodeName) {
        self.follower().failed(keeper, Moment::now());
    }
}

impl<S: State> Shared<S> {
    /// Carries out what a page has, and then moves the cursor.
    async fn take_in_purges(&self, keeper: &NodeName, asked: (Option<Cursor>, Moment), page: Page) {
        let read = (page, Moment::now());
        let step = {
            let follower = self.purges.follower();
            follower.read(keeper, asked, read, &self.purges.log)
        };
        let Some(mut step) = step else { return };
        for Carry { entry, log } in std::mem::take(&mut step.carry) {
            let order = serde_json::from_str(&entry.order).unwrap_or_else(|why| {
                tracing::warn!(%keeper, %why, order = entry.order, "a purge of another node is not understood: all is purged");
                everything()
            });
            let late = log.then(|| self.node());
            if let Err(why) = self.carry_out(&order, &entry.id, late.clone()).await {
                tracing::warn!(%keeper, why, order = entry.order, "a purge of another node is not understood: all is purged");
                // This order is always understood.
                let _ = self.carry_out(&everything(), &entry.id, late).await;
            }
        }
        self.purges.follower().done(step, Moment::now());
        self.purges.save().await;
    }
}
