//! A running node that caches.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use perigee_cluster::{Prober, Readiness, TierTls, new_id};
use perigee_proxy::{
    AccessLog, CacheStats, Exchange, ExchangeConfig, Explanation, ListQuestion, Listing, Metrics,
    PurgeOrder, Purged, Question, Seldom, Shown, Status,
};
use perigee_server::{DrainReport, Server, ServerConfig, bind_all};
use perigee_storage::{Memory, Purges, Store, Tiered};
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use crate::{
    Config, ReloadError, StartError, connection_metrics,
    handler::Shared,
    lent::LentPages,
    node_metrics,
    purges::{Following, Purges as Followed},
    round_trips::RoundTrips,
    spilling::{self, Spilling},
    state::State,
    store_metrics,
};

/// A running edge or shield. Cheap to clone.
pub struct Tier<S> {
    shared: Arc<Shared<S>>,
    server: Server,
    metrics: Metrics,
    tls_listen: Arc<[SocketAddr]>,
    flush_timeout: Duration,
    following: Arc<Following>,
}

// Not derived: a state need not be `Clone` for its node to be.
impl<S> Clone for Tier<S> {
    fn clone(&self) -> Self {
        Tier {
            shared: Arc::clone(&self.shared),
            server: self.server.clone(),
            metrics: self.metrics.clone(),
            tls_listen: Arc::clone(&self.tls_listen),
            flush_timeout: self.flush_timeout,
            following: Arc::clone(&self.following),
        }
    }
}

impl<S: State> fmt::Debug for Tier<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(S::ROLE).finish_non_exhaustive()
    }
}

impl<S: State> Tier<S> {
    /// Binds its addresses and serves. Its metrics go onto `registry`.
    ///
    /// # Errors
    /// [`StartError`] if an address, a certificate or an origin cannot be used.
    pub async fn start(
        config: S::Config,
        registry: &mut Registry,
        log: Option<Arc<dyn AccessLog>>,
    ) -> Result<Self, StartError> {
        let tls = S::tls(&config).map_err(StartError)?;
        let common = S::common(&config).clone();
        let http = bind_all(&common.listen, common.limits.backlog).await?;
        let https = bind_all(&tls.tls_listen, common.limits.backlog).await?;
        let private = bind_all(&common.tier_listen, common.limits.backlog).await?;
        let metrics = Metrics::register(registry);
        let store = open_store(&common)?;
        let pages = store.pages().map(LentPages::of);
        store_metrics::register(registry, Arc::clone(&store));
        tokio::spawn(sweep(Arc::downgrade(&store)));
        let folder = common.disk.as_ref().map(|disk| disk.folder.as_path());
        let purges = Followed::open(&common.purge, folder).map_err(StartError)?;
        let exchange = exchange_config::<S>(&common);
        let exchange = Exchange::new(exchange, store, metrics.clone(), log);
        let state = S::build(config, &metrics, None).map_err(StartError)?;
        let nodes_tls = state.trust().and_then(|trust| trust.tls());
        let private_tls = nodes_tls.map(TierTls::server_config);
        let shared = Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            exchange,
            purges,
            requests: Arc::new(AtomicU64::new(0)),
            draining: AtomicBool::new(false),
            spilling: Spilling::default(),
            round_trips: Arc::new(RoundTrips::default()),
            started: Instant::now(),
            not_admitted: Seldom::new(Instant::now()),
        });
        node_metrics::register(registry, Arc::downgrade(&shared));
        tokio::spawn(spilling::watch(Arc::downgrade(&shared)));
        shared.round_trips.configure(common.measure.as_ref());
        let server = ServerConfig {
            http,
            https,
            private,
            private_tls,
            certs: tls.certs,
            limits: common.limits,
            gauge: Some(shared.round_trips.clone()),
            pages,
        };
        // Before the first request: what is stored is not trusted yet.
        let following = Following::new();
        let prober = prober(&**shared.state.load());
        following.set(&shared, &common.purge, prober);
        let server = Server::start(server, Arc::clone(&shared));
        connection_metrics::register(registry, server.meter());
        // Others may read its log by now; what is asked for before it has read theirs is validated.
        let heard = shared.purges.until_heard(shared.exchange.in_touch());
        let _ = timeout(HEARING, heard).await;
        Ok(Tier {
            following: Arc::new(following),
            shared,
            server,
            metrics,
            tls_listen: tls.tls_listen.into(),
            flush_timeout: common
                .disk
                .map_or(Duration::ZERO, |disk| disk.flush_timeout),
        })
    }

    /// The addresses it listens on: cleartext, TLS, those for nodes alone.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    /// Puts a new configuration in place, whole or not at all. What is stored stays.
    ///
    /// # Errors
    /// [`ReloadError`] if it cannot be used, or changes what only a restart can change.
    pub fn reload(&self, config: S::Config) -> Result<(), ReloadError> {
        let before = self.shared.state.load_full();
        let tls = S::tls(&config).map_err(ReloadError)?;
        let common = S::common(&config);
        let cannot = S::common(before.config()).needs_restart(common);
        let moved = (*tls.tls_listen != *self.tls_listen).then_some("`tls_listen`");
        if let Some(what) = cannot.or(moved) {
            return Err(ReloadError(format!("{what} changed: that needs a restart")));
        }
        let limits = common.limits.clone();
        let state = S::build(config, &self.metrics, Some(&before)).map_err(ReloadError)?;
        let nodes_tls = state.trust().and_then(|trust| trust.tls());
        self.server
            .reload(tls.certs, nodes_tls.map(TierTls::server_config), limits);
        let measure = S::common(state.config()).measure.as_ref();
        self.shared.round_trips.configure(measure);
        let (purge, prober) = (S::common(state.config()).purge.clone(), prober(&state));
        self.shared.state.store(Arc::new(state));
        self.following.set(&self.shared, &purge, prober);
        Ok(())
    }

    /// Carries out a purge: what it names is not used any more, or stale, when this returns.
    ///
    /// # Errors
    /// A text that says what is wrong with the order.
    pub async fn purge(&self, order: &PurgeOrder) -> Result<Purged, String> {
        let begun = Instant::now();
        let (id, order) = order.identified()?;
        let id = id.map_or_else(new_id, Ok)?;
        // In a task of its own: who asked may be gone, and half of it is of no use.
        let shared = Arc::clone(&self.shared);
        let done = tokio::spawn(async move { shared.carry_out(&order, &id, None).await });
        let (outcome, revision) = done.await.map_err(|why| why.to_string())??;
        Ok(Purged {
            keys: outcome.keys,
            revision,
            milliseconds: begun.elapsed().as_secs_f64() * 1_000.0,
            warning: outcome.unwritten,
        })
    }

    /// Says what would become of a request that a client sends, without doing it.
    ///
    /// # Errors
    /// A text that says what is wrong with the question, or that no service claims its host.
    pub async fn explain(&self, question: &Question) -> Result<Explanation, String> {
        let state = self.shared.state.load_full();
        let exchange = &self.shared.exchange;
        let told = exchange
            .explain(question, state.services(), &*state)
            .await?;
        Ok(Explanation {
            config_version: S::common(state.config()).version.clone(),
            ..told
        })
    }

    /// A page of what is stored.
    ///
    /// # Errors
    /// A text that says what is wrong with the question.
    pub async fn list(&self, question: &ListQuestion) -> Result<Listing, String> {
        self.shared.exchange.list(question).await
    }

    /// What is stored under `http://host/path?query` (or https: both schemes are shown).
    ///
    /// # Errors
    /// A text that says what is wrong with the URL.
    pub async fn show(&self, url: &str) -> Result<Shown, String> {
        let state = self.shared.state.load_full();
        self.shared.exchange.show(url, state.services()).await
    }

    /// How its store does.
    pub fn cache_stats(&self) -> CacheStats {
        self.shared.exchange.cache_stats()
    }

    /// What the node says of itself to other nodes.
    pub fn readiness(&self) -> Readiness {
        self.shared.readiness(&self.shared.state.load())
    }

    /// What the node says of itself on its admin API.
    pub fn status(&self) -> Status {
        let state = self.shared.state.load_full();
        let readiness = self.shared.readiness(&state);
        let stats = self.shared.exchange.store().stats();
        Status {
            node: readiness.node,
            role: S::ROLE.to_owned(),
            config_version: readiness.config_version,
            draining: readiness.draining,
            requests: self.shared.requests.load(Ordering::Relaxed),
            waiting: self.shared.exchange.waiting(),
            load: readiness.load,
            spill: readiness.spill,
            connections: self.server.connections() as u64,
            keys: stats.keys,
            bytes: stats.bytes,
            capacity: stats.capacity,
            disk: stats.disk.map(Into::into),
            purge_revision: readiness.purge_revision,
            next_hops: state.next_hops(),
        }
    }

    /// Readiness says from now on whether the node drains: GeoDNS and peers leave it out if it does,
    /// and it asks them for what it owned. Requests are taken as before.
    pub fn leave(&self, leaving: bool) {
        self.shared.draining.store(leaving, Ordering::Relaxed);
        self.shared.state.load().leave(leaving);
    }

    /// From now on each answer closes its connection, so that clients ask another node; or they are
    /// kept alive again. New ones are let in all the same.
    pub fn turn_away(&self, away: bool) {
        match away {
            true => self.server.turn_away(),
            false => self.server.welcome(),
        }
    }

    /// Closes the listeners; what is under way may finish until `deadline` after that. What is
    /// queued for the disk is written then.
    pub async fn stop(&self, deadline: Duration) -> DrainReport {
        self.leave(true);
        let report = self.server.drain(deadline).await;
        let closed = self.shared.exchange.store().close().get();
        if timeout(self.flush_timeout, closed).await.is_err() {
            tracing::warn!("not all that was queued for the disk is written: it takes too long");
        }
        report
    }
}

/// What reads the logs of others, unless this node stands alone.
fn prober<S: State>(state: &S) -> Option<Arc<Prober>> {
    let trust = Arc::clone(state.trust()?);
    Some(Arc::new(Prober::new(trust, PROBE_TIMEOUT)))
}

/// How long a node that starts waits to hear of purges before it counts as started.
const HEARING: Duration = Duration::from_millis(500);

/// Of no use here: each reading of a log says how long it may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Keys that are looked at in one step for what was purged.
const SWEEP_STEP: usize = 256;

/// How long to rest between two sweeps, and between two steps of one.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
const STEP_PAUSE: Duration = Duration::from_millis(1);

/// Gives back what was purged and is never looked up, as long as there is a store.
async fn sweep(store: Weak<dyn Store>) {
    loop {
        let pause = match store.upgrade() {
            Some(store) if store.sweep(SWEEP_STEP) => STEP_PAUSE,
            Some(_) => SWEEP_PAUSE,
            None => return,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Memory, over a disk if there is one.
fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    let memory = config.memory.clone();
    Ok(match &config.disk {
        None => Arc::new(Memory::new(
            memory,
            Arc::new(Purges::new(config.max_purges)),
        )),
        Some(disk) => {
            // That is a mistake, and does not pass by itself as other troubles of a disk may.
            if let Some(file) = disk.folder.ancestors().find(|path| path.is_file()) {
                let file = file.display();
                return Err(StartError(format!(
                    "the disk cannot be used: {file} is a file, and not a folder"
                )));
            }
            let tiered = Tiered::open(memory, disk, config.max_purges, SystemTime::now());
            Arc::new(tiered.map_err(|error| StartError(error.to_string()))?)
        }
    })
}

fn exchange_config<S: State>(config: &Config) -> ExchangeConfig {
    ExchangeConfig {
        node: config.node.to_string(),
        tier: S::ROLE,
        cdn_id: config.cdn_id.clone(),
        coalesce_wait: config.coalesce_wait,
        max_refreshes: config.max_refreshes,
        max_hit_for_miss: config.max_hit_for_miss,
        max_failed_keys: config.max_failed_keys,
        max_alike_queries: config.max_alike_queries,
        tunnel_idle_timeout: config.tunnel_idle_timeout,
        out_of_touch: config.purge.out_of_touch,
        streaming: config.streaming,
        failover: config.failover,
        copies: config.copies,
    }
}
