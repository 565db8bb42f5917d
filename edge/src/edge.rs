//! A running edge.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use perigee_cluster::{PurgeLog, Readiness};
use perigee_proxy::{AccessLog, Exchange, ExchangeConfig, Metrics, Purged, Status, purge_keys};
use perigee_server::{CertStore, DrainReport, Server, ServerConfig, bind_all};
use perigee_storage::{Memory, Purge, Store};
use prometheus_client::registry::Registry;

use crate::{Config, ReloadError, StartError, handler::Shared, state::State};

/// Purges that are kept in the log.
const PURGES_KEPT: usize = 10_000;

/// A running edge. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
    server: Server,
    metrics: Metrics,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

impl Edge {
    /// Binds its addresses and serves. Its metrics go onto `registry`.
    ///
    /// # Errors
    /// [`StartError`] if an address, a certificate or an origin cannot be used.
    pub async fn start(
        config: Config,
        registry: &mut Registry,
        log: Option<Arc<dyn AccessLog>>,
    ) -> Result<Self, StartError> {
        let certs = certificates(&config).map_err(StartError)?;
        let http = bind_all(&config.listen).await?;
        let https = bind_all(&config.tls_listen).await?;
        let limits = config.limits.clone();
        let metrics = Metrics::register(registry);
        let store: Arc<dyn Store> = Arc::new(Memory::new(config.memory.clone()));
        let exchange = Exchange::new(exchange_config(&config), store, metrics.clone(), log);
        let state = State::build(config, &metrics, None).map_err(StartError)?;
        let shared = Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            exchange,
            purges: PurgeLog::new(PURGES_KEPT),
            requests: Arc::new(AtomicU64::new(0)),
            draining: AtomicBool::new(false),
        });
        let server = ServerConfig {
            http,
            https,
            certs,
            limits,
        };
        let server = Server::start(server, Arc::clone(&shared));
        Ok(Edge {
            shared,
            server,
            metrics,
        })
    }

    /// The addresses it listens on, cleartext first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    /// Puts a new configuration in place, whole or not at all. What is stored stays.
    ///
    /// # Errors
    /// [`ReloadError`] if it cannot be used, or changes what only a restart can change.
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let before = self.shared.state.load_full();
        if let Some(what) = needs_restart(&before.config, &config) {
            return Err(ReloadError(format!("{what} changed: that needs a restart")));
        }
        let certs = certificates(&config).map_err(ReloadError)?;
        let limits = config.limits.clone();
        let state = State::build(config, &self.metrics, Some(&before)).map_err(ReloadError)?;
        self.server.reload(certs, limits);
        self.shared.state.store(Arc::new(state));
        Ok(())
    }

    /// Removes all variants of `http://host/path?query` (or https: both schemes are purged).
    ///
    /// # Errors
    /// A text that says what is wrong with the URL.
    pub async fn purge(&self, url: &str) -> Result<Purged, String> {
        let mut keys = 0;
        for key in purge_keys(url)? {
            keys += self
                .shared
                .exchange
                .store()
                .purge(&Purge::Key(key))
                .get()
                .await;
        }
        let revision = self.shared.purges.append(url.to_owned(), SystemTime::now());
        Ok(Purged { keys, revision })
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
            role: "edge".to_owned(),
            config_version: readiness.config_version,
            draining: readiness.draining,
            requests: self.shared.requests.load(Ordering::Relaxed),
            load: readiness.load,
            connections: self.server.connections() as u64,
            keys: stats.keys,
            bytes: stats.bytes,
            capacity: stats.capacity,
            purge_revision: readiness.purge_revision,
            next_hops: state.next_hops(),
        }
    }

    /// Readiness says draining from now on; requests are still taken for `grace`, then the
    /// listeners close, and what is under way may finish until `deadline` after that.
    pub async fn drain(&self, grace: Duration, deadline: Duration) -> DrainReport {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.server.turn_away();
        tokio::time::sleep(grace).await;
        self.server.drain(deadline).await
    }
}

fn exchange_config(config: &Config) -> ExchangeConfig {
    ExchangeConfig {
        node: config.node.to_string(),
        tier: "edge",
        cdn_id: config.cdn_id.clone(),
        coalesce_wait: config.coalesce_wait,
        tunnel_idle_timeout: config.tunnel_idle_timeout,
    }
}

fn certificates(config: &Config) -> Result<Option<Arc<CertStore>>, String> {
    if config.tls_listen.is_empty() {
        return Ok(None);
    }
    let store = CertStore::load(&config.certificates).map_err(|e| e.to_string())?;
    Ok(Some(Arc::new(store)))
}

/// What only a restart can change, if it changed.
fn needs_restart(before: &Config, after: &Config) -> Option<&'static str> {
    let checks = [
        (before.node != after.node, "the node's name"),
        (before.cdn_id != after.cdn_id, "the zone"),
        (before.listen != after.listen, "`listen`"),
        (before.tls_listen != after.tls_listen, "`tls_listen`"),
        (before.memory != after.memory, "`storage`"),
        (
            before.coalesce_wait != after.coalesce_wait,
            "`coalesce_wait`",
        ),
        (
            before.tunnel_idle_timeout != after.tunnel_idle_timeout,
            "`tunnel_idle_timeout`",
        ),
    ];
    checks
        .iter()
        .find(|(changed, _)| *changed)
        .map(|(_, what)| *what)
}
