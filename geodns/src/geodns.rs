//! A running name server.

mod measuring;
mod signing;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::JoinHandle,
    time::{Instant, SystemTime},
};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use perigee_cluster::{Node, Prober, Trust, View};
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time};
use tracing::{info, warn};

use crate::{
    config::{Config, Limits},
    dnssec::Signer,
    explain::{DnsExplanation, explain},
    guard::Guard,
    load::{self, Given, until_next_moment},
    measured::Told,
    metrics::Metrics,
    place::{Latencies, Places},
    query_log::{QueryLog, Sampler},
    secondary::{self, ZoneCopy, notify},
    snapshot::Snapshot,
    status::{Status, pops},
    transport::{Clients, EncryptedAddresses, EncryptedServer, Listener, Tcp, Udp, bind},
    worker,
    zone::Zone,
};

/// Why a name server cannot start: says which address or file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub String);

/// Why a new configuration was refused; the old one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
impl std::error::Error for ReloadError {}

/// A running name server. Dropped, it stops at once; see [`GeoDns::shutdown`].
pub struct GeoDns {
    addresses: Vec<SocketAddr>,
    encrypted: Option<EncryptedServer>,
    shared: Arc<Shared>,
    serving: tokio::sync::Mutex<Serving>,
}

/// What takes queries. Dropped, it stops at once.
struct Serving {
    udp: Udp,
    /// What accepts connections, and the threads that serve them.
    tcp: JoinSet<()>,
    tcp_threads: Vec<JoinHandle<()>>,
    encrypted: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// What the answers, the probes and the operator share.
struct Shared {
    /// Read by each answer, without a lock.
    snapshot: Arc<ArcSwap<Snapshot>>,
    guard: Arc<ArcSwap<Guard>>,
    /// What secondaries may have, and are told of.
    copy: Arc<ArcSwap<ZoneCopy>>,
    copies: watch::Sender<Arc<ZoneCopy>>,
    metrics: Metrics,
    /// What each PoP is being given.
    given: Arc<Given>,
    /// What snapshots are made from. Never held across an await.
    state: Mutex<State>,
}

struct State {
    config: Config,
    trust: Arc<Trust>,
    zone: Arc<Zone>,
    places: Arc<Places>,
    signer: Option<Arc<Signer>>,
    view: Arc<View>,
    /// What edges have told of their clients, and what became of it.
    told: Told,
    measured: Arc<Latencies>,
}

impl GeoDns {
    /// Binds the addresses, starts to watch the edges, and answers. Its metrics go onto
    /// `registry`, and queries to `log`, if there is one. Needs a tokio runtime. Reads the database, which blocks for as long as that
    /// takes.
    ///
    /// # Errors
    /// [`StartError`] if an address, the database or the zone cannot be used.
    pub fn start(
        config: Config,
        trust: Arc<Trust>,
        registry: &mut Registry,
        log: Option<Arc<dyn QueryLog>>,
    ) -> Result<Self, StartError> {
        let places = Places::load(&config, None).map_err(|e| StartError(e.to_string()))?;
        let places = Arc::new(places);
        let loaded = secondary::load(&config, &places, None);
        let (zone, copy) = loaded.map_err(|e| StartError(e.to_string()))?;
        let metrics = Metrics::register(registry);
        let signer = signing::signer(&config, None, &metrics.signatures).map_err(StartError)?;
        let listeners = config
            .listen
            .iter()
            .map(|&address| bind(address, config.limits.udp_threads))
            .collect::<Result<Vec<_>, _>>()?;
        if listeners.is_empty() {
            return Err(StartError("no address to listen on is given".to_owned()));
        }
        let addresses = listeners.iter().map(|listener| listener.address).collect();
        let limits = config.limits.clone();
        let encrypted = config.encrypted.clone();
        let shared = Shared::start(config, (zone, copy), places, signer, trust, metrics.clone());
        shared.guard.load().counters.register(registry);
        let workers = worker::Shared {
            snapshot: Arc::clone(&shared.snapshot),
            guard: Arc::clone(&shared.guard),
            copy: Arc::clone(&shared.copy),
            metrics,
            log: log.map(Sampler::new),
        };
        let clients = Clients::default();
        let mut serving = Serving::start(&workers, listeners, &limits, clients.clone())?;
        let stop = serving.stop.subscribe();
        let started = EncryptedServer::start(&encrypted, workers, clients, stop)?;
        let (encrypted, tasks) = started.unzip();
        serving.encrypted = tasks.unwrap_or_default();
        Ok(GeoDns {
            addresses,
            encrypted,
            shared,
            serving: tokio::sync::Mutex::new(serving),
        })
    }

    /// The addresses it answers on, UDP and TCP both.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// The addresses it answers on over encrypted transports.
    pub fn encrypted_addresses(&self) -> EncryptedAddresses {
        let encrypted = self.encrypted.as_ref();
        encrypted.map_or_else(Default::default, |server| server.addresses().clone())
    }

    /// Puts a new configuration in place, whole or not at all. The database is read again if
    /// its path or its file changed; this blocks for as long as that takes. Edges are watched
    /// anew if `trust` is another one than before.
    ///
    /// # Errors
    /// [`ReloadError`] if it cannot be used, or changes what only a restart can change.
    pub fn reload(&self, config: Config, trust: Arc<Trust>) -> Result<(), ReloadError> {
        let encrypted = self.encrypted.as_ref();
        let certificate = encrypted
            .filter(|_| config.encrypted.listens())
            .map(|server| server.prepare(&config.encrypted))
            .transpose()
            .map_err(ReloadError)?;
        self.shared.reload(config, trust)?;
        if let Some(put_in_place) = certificate {
            put_in_place();
        }
        Ok(())
    }

    /// What the node says of itself on its admin API.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Why `client` is answered what it is answered for `name`. A network of length 0 is a
    /// client that withholds itself.
    pub fn explain(&self, name: &str, client: IpNet) -> DnsExplanation {
        let version = self.shared.state().config.version.clone();
        explain(
            &self.shared.snapshot.load(),
            &version,
            name,
            client,
            SystemTime::now(),
        )
    }

    /// Stops to answer and gives the addresses back. Queries that were received are answered.
    pub async fn shutdown(&self) {
        let mut serving = self.serving.lock().await;
        serving.stop.send_replace(true);
        let mut threads = serving.udp.ending();
        while serving.tcp.join_next().await.is_some() {}
        while serving.encrypted.join_next().await.is_some() {}
        threads.append(&mut serving.tcp_threads);
        let all = tokio::task::spawn_blocking(|| threads.into_iter().all(|t| t.join().is_ok()));
        if !matches!(all.await, Ok(true)) {
            warn!("DNS did not stop as it should");
        }
    }
}

impl Serving {
    fn start(
        workers: &worker::Shared,
        listeners: Vec<Listener>,
        limits: &Limits,
        clients: Clients,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let threads = Tcp::start(workers, limits, clients, stopped);
        let (over_tcp, tcp_threads) =
            threads.map_err(|e| StartError(format!("DNS over TCP: {e}")))?;
        let mut serving = Serving {
            udp: Udp::new(),
            tcp: JoinSet::new(),
            tcp_threads,
            encrypted: JoinSet::new(),
            stop,
        };
        for Listener { address, udp, tcp } in listeners {
            let refuse = |e| StartError(format!("DNS on {address}: {e}"));
            for socket in udp {
                let served = serving.udp.serve(socket, workers.clone());
                served.map_err(refuse)?;
            }
            let tcp = TcpListener::from_std(tcp).map_err(refuse)?;
            serving.tcp.spawn(over_tcp.clone().accept(tcp));
        }
        Ok(serving)
    }
}

impl Shared {
    fn start(
        config: Config,
        (zone, copy): (Arc<Zone>, ZoneCopy),
        places: Arc<Places>,
        signer: Option<Arc<Signer>>,
        trust: Arc<Trust>,
        metrics: Metrics,
    ) -> Arc<Self> {
        metrics.know(&config);
        let given = Arc::new(Given::default());
        tokio::spawn(load::watch(Arc::downgrade(&given), metrics.clone()));
        let view = start_view(&config, &trust);
        let changes = view.subscribe();
        let snapshot = Snapshot::new(&config, zone.clone(), places.clone(), &view.nodes());
        let snapshot = snapshot.signed(signer.clone());
        let copy = Arc::new(copy);
        let (copies, told) = watch::channel(Arc::clone(&copy));
        let shared = Arc::new(Shared {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            guard: Arc::new(ArcSwap::from_pointee(Guard::new(&config.guard, None))),
            copy: Arc::new(ArcSwap::new(Arc::clone(&copy))),
            copies,
            metrics,
            given,
            state: Mutex::new(State {
                config,
                trust,
                zone,
                places,
                signer,
                view,
                told: Told::default(),
                measured: Arc::default(),
            }),
        });
        tokio::spawn(follow(Arc::downgrade(&shared), changes));
        tokio::spawn(notify(told));
        tokio::spawn(measuring::watch(Arc::downgrade(&shared)));
        tokio::spawn(signing::keep(Arc::downgrade(&shared)));
        shared
    }

    fn reload(self: &Arc<Self>, config: Config, trust: Arc<Trust>) -> Result<(), ReloadError> {
        let refuse = |why: String| ReloadError(why);
        // Whatever can fail is done before anything changes.
        let (before, signer) = {
            let state = self.state();
            (Arc::clone(&state.places), state.signer.clone())
        };
        let signer = signing::signer(&config, signer.as_ref(), &self.metrics.signatures);
        let signer = signer.map_err(refuse)?;
        let places = Places::load(&config, Some(&before)).map_err(|e| refuse(e.to_string()))?;
        let places = Arc::new(places);
        let loaded = secondary::load(&config, &places, Some(&self.copy.load()));
        let (zone, copy) = loaded.map_err(|e| refuse(e.to_string()))?;

        let mut state = self.state();
        check_fixed(&state.config, &config)?;
        let same_member = Arc::ptr_eq(&state.trust, &trust);
        if same_member && state.config.view == config.view {
            state.view.set_nodes(nodes(&config));
        } else {
            state.view = start_view(&config, &trust);
            let changes = state.view.subscribe();
            tokio::spawn(follow(Arc::downgrade(self), changes));
        }
        let guard = Guard::new(&config.guard, Some(&self.guard.load()));
        self.guard.store(Arc::new(guard));
        self.metrics.know(&config);
        self.metrics.broken_files(places.problems().len());
        state.zone = zone;
        state.places = places;
        state.signer = signer;
        state.config = config;
        state.trust = trust;
        state.measure(Instant::now());
        self.refresh(&state);
        // Whoever is told finds the new zone.
        self.copy.store(Arc::new(copy));
        self.copies.send_replace(self.copy.load_full());
        info!(version = %state.config.version, serial = state.zone.serial(), "configuration in place");
        Ok(())
    }

    /// Makes a new snapshot of the state.
    fn refresh(&self, state: &State) {
        let (zone, places) = (state.zone.clone(), state.places.clone());
        let snapshot = Snapshot::new(&state.config, zone, places, &state.view.nodes());
        let snapshot = snapshot
            .signed(state.signer.clone())
            .measured(state.measured.clone())
            .at(SystemTime::now());
        if snapshot.believed != self.snapshot.load().believed {
            match snapshot.believed {
                true => info!("enough edges look healthy: their health is believed again"),
                false => warn!("nearly all edges look down: their health is not believed"),
            }
        }
        self.metrics.spill(&snapshot);
        self.snapshot.store(Arc::new(snapshot));
    }

    fn status(&self) -> Status {
        let state = self.state();
        let (snapshot, nodes) = (self.snapshot.load(), state.view.nodes());
        let databases = state.places.databases().iter();
        Status {
            node: state.config.node.to_string(),
            role: "geodns".to_owned(),
            config_version: state.config.version.clone(),
            zone: state.config.zone.clone(),
            serial: state.zone.serial(),
            databases: databases.map(|d| d.path().display().to_string()).collect(),
            problems: state
                .places
                .problems()
                .iter()
                .map(ToString::to_string)
                .collect(),
            health_believed: snapshot.believed,
            pops: pops(&snapshot, &nodes, &self.given),
            edges: nodes.iter().map(Into::into).collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held leaves a state that is whole: fields are replaced at once.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a new snapshot at each change of what is known of the edges, and each minute while clients are
/// sent elsewhere, so that they take turns; until the view or the name server is gone.
async fn follow(shared: Weak<Shared>, mut changes: tokio::sync::watch::Receiver<u64>) {
    loop {
        let next = until_next_moment(SystemTime::now());
        let is_changed = match time::timeout(next, changes.changed()).await {
            Ok(Ok(())) => true,
            Ok(Err(_)) => return,
            Err(_) => false,
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if is_changed {
            suspect(&shared.state().view);
        }
        if is_changed || shared.snapshot.load().spilled.is_any() {
            shared.refresh(&shared.state());
        }
    }
}

/// Those whose last probe failed are probed at once, with little patience: a machine that is gone answers
/// nothing, and two probes that run into their time would take long. Not those that never answered: where all
/// nodes start together, they only need a moment more.
fn suspect(view: &View) {
    for health in view.nodes().iter() {
        if health.up && health.error.is_some() && health.readiness.is_some() {
            view.suspect(&health.node.name);
        }
    }
}

fn start_view(config: &Config, trust: &Arc<Trust>) -> Arc<View> {
    let prober = Prober::new(Arc::clone(trust), config.view.timeout);
    View::start(nodes(config), prober, config.view.clone())
}

fn nodes(config: &Config) -> Vec<Node> {
    let edges = config.pops.iter().flat_map(|pop| &pop.edges);
    edges.map(|edge| edge.node.clone()).collect()
}

/// Refuses what only a restart can change.
fn check_fixed(old: &Config, new: &Config) -> Result<(), ReloadError> {
    let changed = if old.listen != new.listen {
        "the addresses to listen on"
    } else if old.limits.fixed() != new.limits.fixed() {
        "limits on TCP connections, or the number of threads,"
    } else if old.encrypted.fixed() != new.encrypted.fixed() {
        "an address or a limit of encrypted transports"
    } else if old.node != new.node {
        "the name of the node"
    } else {
        return Ok(());
    };
    Err(ReloadError(format!(
        "{changed} cannot change while running; restart the name server for that"
    )))
}

impl fmt::Debug for GeoDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeoDns")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
