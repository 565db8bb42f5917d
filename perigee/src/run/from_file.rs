//! Roles of a CDN that a file describes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use perigee_config::{AccessLog, Document, Level, NodeCommon};
use perigee_edge::{AccessLog as AccessLogSink, Edge};
use perigee_geodns::{GeoDns, QueryLog, Trust, TrustConfig};
use perigee_origin_shield::Shield;
use tokio::sync::watch;

use super::{
    Process, Role, Settings, Terms,
    geodns::GeoDnsRole,
    reload::{Load, Loaded, NotLoaded, Reloader, Seen, stamped},
    sources::Sources,
};
use crate::{
    cli::{AccessLogTarget, LogLevel, Node},
    machine::{self, Memory},
    telemetry::{self, AccessLogWriter},
};

/// Where a file says how much memory its nodes take.
pub(crate) const MEMORY: &str = "[storage] memory";

/// A node and the file that describes it.
struct Described {
    file: PathBuf,
    /// The file before it was read.
    seen: Seen,
    sources: Arc<Sources>,
    /// Counts what changes outside the file, since before it was read.
    elsewhere: Option<watch::Receiver<u64>>,
    document: Document,
    node: NodeCommon,
}

pub(crate) async fn run_edge(node: &Node, level: Option<LogLevel>) -> Result<(), String> {
    let described = Described::load(node, level).await?;
    let machine = Memory::of_this_machine();
    let mut config = described.document.edge(&node.node, &env).map_err(text)?;
    let written = described.document.memory();
    machine::fit(machine, MEMORY, written, &mut config.tier.memory)?;
    let certificates = seen(certificate_files(&config));
    let mut process = described.prepare().await?;
    let log = described.access_log(&mut process)?;
    let edge = Edge::start(config, &mut process.registry, log)
        .await
        .map_err(text)?;
    let reload = {
        let edge = edge.clone();
        move |document: &Document, name: &str| {
            let mut config = document.edge(name, &env).map_err(text)?;
            machine::fit(machine, MEMORY, document.memory(), &mut config.tier.memory)?;
            let files = certificate_files(&config);
            after(files, edge.reload(config))
        }
    };
    described
        .run(process, Arc::new(edge), certificates, reload)
        .await
}

pub(crate) async fn run_shield(node: &Node, level: Option<LogLevel>) -> Result<(), String> {
    let described = Described::load(node, level).await?;
    let machine = Memory::of_this_machine();
    let mut config = described.document.shield(&node.node, &env).map_err(text)?;
    let written = described.document.memory();
    machine::fit(machine, MEMORY, written, &mut config.tier.memory)?;
    let certificates = seen(trust_files(config.tier.trust.as_ref()));
    let mut process = described.prepare().await?;
    let log = described.access_log(&mut process)?;
    let shield = Shield::start(config, &mut process.registry, log)
        .await
        .map_err(text)?;
    let reload = {
        let shield = shield.clone();
        move |document: &Document, name: &str| {
            let mut config = document.shield(name, &env).map_err(text)?;
            machine::fit(machine, MEMORY, document.memory(), &mut config.tier.memory)?;
            let files = trust_files(config.tier.trust.as_ref());
            after(files, shield.reload(config))
        }
    };
    described
        .run(process, Arc::new(shield), certificates, reload)
        .await
}

pub(crate) async fn run_geodns(node: &Node, level: Option<LogLevel>) -> Result<(), String> {
    let described = Described::load(node, level).await?;
    let config = described.document.geodns(&node.node, &env).map_err(text)?;
    let trusted = trust_config(&described.document, &node.node)?;
    let files = seen(geodns_files(&config, &trusted));
    let trust = Trust::load(&trusted, None, SystemTime::now())?;
    let mut process = described.prepare().await?;
    let log = process.open_query_log(&described.document.query_log(), &node.node)?;
    let server = GeoDns::start(config, Arc::clone(&trust), &mut process.registry, log);
    let server = Arc::new(server.map_err(text)?);
    let reload = {
        let server = Arc::clone(&server);
        let trust = Mutex::new(trust);
        move |document: &Document, name: &str| {
            let mut trust = trust.lock().unwrap_or_else(PoisonError::into_inner);
            let trusted = trust_config(document, name)?;
            let config = document.geodns(name, &env).map_err(text)?;
            let files = geodns_files(&config, &trusted);
            let new = match Trust::load(&trusted, Some(&trust), SystemTime::now()) {
                Ok(new) => new,
                Err(error) => return after(files, Err(error)),
            };
            let files = after(files, server.reload(config, Arc::clone(&new)))?;
            *trust = new;
            Ok(files)
        }
    };
    let role = Arc::new(GeoDnsRole::new(server));
    described.run(process, role, files, reload).await
}

/// What a GeoDNS node proves itself with to the edges.
fn trust_config(document: &Document, node: &str) -> Result<TrustConfig, String> {
    let trust = document.trust(node, &env).map_err(text)?;
    trust.ok_or_else(|| {
        "a GeoDNS node needs the secret of [cdn], or certificates, to probe the edges with"
            .to_owned()
    })
}

fn geodns_files(config: &perigee_geodns::Config, trust: &TrustConfig) -> Vec<PathBuf> {
    let files = config.place.files().chain(&config.contents.zone_file);
    // Of a folder, it is noticed that a file came, went, or was replaced; those in it may be written to.
    let keys = config.dnssec.iter().flat_map(|dnssec| {
        let inside = fs::read_dir(&dnssec.keys).into_iter().flatten();
        let inside = inside.filter_map(|entry| Some(entry.ok()?.path()));
        inside.chain([dnssec.keys.clone()])
    });
    files
        .cloned()
        .chain(keys)
        .chain(config.encrypted.files())
        .chain(trust_files(Some(trust)))
        .collect()
}

/// The certificates by which nodes know each other.
fn trust_files(trust: Option<&TrustConfig>) -> Vec<PathBuf> {
    let tls = trust.and_then(|trust| trust.tls.as_ref());
    tls.map_or(Vec::new(), |tls| {
        vec![tls.ca.clone(), tls.cert.clone(), tls.key.clone()]
    })
}

/// Files as they are before they are read, so that a change from then on is noticed.
pub(super) fn seen(files: Vec<PathBuf>) -> Vec<Seen> {
    files.iter().map(stamped).collect()
}

pub(super) fn certificate_files(config: &perigee_edge::Config) -> Vec<PathBuf> {
    let files = config.certificates.iter();
    files
        .flat_map(|c| [c.cert.clone(), c.key.clone()])
        .chain(trust_files(config.tier.trust.as_ref()))
        .collect()
}

/// The files that a reload asked for, whether it could use them or not.
fn after(
    files: Vec<PathBuf>,
    result: Result<(), impl std::fmt::Display>,
) -> Result<Vec<PathBuf>, NotLoaded> {
    match result {
        Ok(()) => Ok(files),
        Err(error) => Err(NotLoaded {
            problems: vec![text(error)],
            files,
        }),
    }
}

impl Described {
    /// Reads the file, sets diagnostics up as it wants, and asks etcd if the file says so.
    async fn load(node: &Node, level: Option<LogLevel>) -> Result<Self, String> {
        let seen = stamped(&node.config);
        let own = Document::load(&node.config).map_err(text)?;
        telemetry::diagnostics(level.unwrap_or(own.log_level().into()));
        let names = own.nodes_register().then(|| names(&own));
        let sources = Sources::open(&node.config, &node.node, own).await?;
        let elsewhere = sources.elsewhere();
        let document = sources.first()?;
        if let (Some(names), None) = (names, document.role_of(&node.node)) {
            let (name, file) = (&node.node, node.config.display());
            return Err(format!(
                "no entry of {file} is named {name:?}, nor is one of what was applied: the file has {names}; \
                 say that name, or write the entry of {name:?} there"
            ));
        }
        let common = document.node(&node.node, &env).map_err(text)?;
        Ok(Described {
            file: node.config.clone(),
            seen,
            sources: Arc::new(sources),
            elsewhere,
            document,
            node: common,
        })
    }

    async fn prepare(&self) -> Result<Process, String> {
        let node = &self.node;
        let settings = Settings {
            admin: Some((node.admin, node.admin_token.clone())),
            drain: terms(node),
        };
        Process::prepare(settings).await
    }

    fn access_log(&self, process: &mut Process) -> Result<Option<Arc<dyn AccessLogSink>>, String> {
        let target = target(&self.node.log.access);
        process.open_access_log(&target, self.node.name.as_str())
    }

    async fn run(
        self,
        mut process: Process,
        role: Arc<dyn Role>,
        mut seen: Vec<Seen>,
        reload: impl Fn(&Document, &str) -> Result<Vec<PathBuf>, NotLoaded> + Send + Sync + 'static,
    ) -> Result<(), String> {
        let files = seen.iter().map(|(file, _)| file.clone()).collect();
        let loaded = loaded(&self.file, &self.document, &self.node, files);
        seen.push(self.seen);
        let (file, running, draining) = (self.file, self.node, process.draining());
        let sources = Arc::clone(&self.sources);
        let load: Load = Arc::new(move || {
            let name = running.name.as_str();
            sources.load(|document| {
                let node = document.node(name, &env).map_err(text)?;
                check_fixed(&running, &node)?;
                let files = reload(document, name)?;
                draining.set_terms(terms(&node));
                Ok(self::loaded(&file, document, &node, files))
            })
        });
        let reloader = Reloader::new(load, loaded, seen).and_on(self.elsewhere);
        process.registry.register(
            "perigee_config_refused",
            "1 while a changed cdn.toml, or a file that it names, is refused and the old one goes on",
            reloader.refused(),
        );
        tokio::select! {
            () = process.run(Arc::clone(&role), Some(reloader)) => {}
            () = self.sources.register(&self.document, &*role) => {}
        }
        self.sources.leave().await;
        Ok(())
    }
}

/// Refuses what only a restart can change of a process; each role knows more of that.
fn check_fixed(running: &NodeCommon, new: &NodeCommon) -> Result<(), String> {
    let changed = if running.admin != new.admin {
        "the admin address"
    } else if running.admin_token != new.admin_token {
        "the token of the admin API"
    } else if running.log != new.log {
        "[log]"
    } else {
        return Ok(());
    };
    Err(format!(
        "{changed} cannot change while running; restart the node for that"
    ))
}

/// The nodes that a file has an entry of, for people.
fn names(document: &Document) -> String {
    let nodes = document
        .nodes()
        .into_iter()
        .map(|node| node.name.to_string());
    match nodes.collect::<Vec<_>>() {
        names if names.is_empty() => "none".to_owned(),
        names => names.join(", "),
    }
}

fn terms(node: &NodeCommon) -> Terms {
    Terms {
        grace: node.shutdown.grace,
        deadline: node.shutdown.deadline,
    }
}

fn loaded(file: &Path, document: &Document, node: &NodeCommon, files: Vec<PathBuf>) -> Loaded {
    Loaded {
        version: document.version(),
        files: [file.to_owned()].into_iter().chain(files).collect(),
        interval: node.reload_interval,
    }
}

impl Process {
    /// Opens the access log, so that a signal can have it opened anew.
    pub(super) fn open_access_log(
        &mut self,
        target: &AccessLogTarget,
        node: &str,
    ) -> Result<Option<Arc<dyn AccessLogSink>>, String> {
        let log = AccessLogWriter::start(target, node, &mut self.registry).map_err(text)?;
        self.access_log.clone_from(&log);
        Ok(log.map(|log| log as Arc<dyn AccessLogSink>))
    }

    /// Opens the query log of a name server, which has no other: a signal opens it anew.
    fn open_query_log(
        &mut self,
        log: &AccessLog,
        node: &str,
    ) -> Result<Option<Arc<dyn QueryLog>>, String> {
        let log = AccessLogWriter::start(&target(log), node, &mut self.registry).map_err(text)?;
        self.access_log.clone_from(&log);
        Ok(log.map(|log| log as Arc<dyn QueryLog>))
    }
}

/// The command line's word for a place of a log.
fn target(log: &AccessLog) -> AccessLogTarget {
    match log {
        AccessLog::Stdout => AccessLogTarget::Stdout,
        AccessLog::Stderr => AccessLogTarget::Stderr,
        AccessLog::Off => AccessLogTarget::Off,
        AccessLog::File(path) => AccessLogTarget::File(path.clone()),
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warn,
            Level::Info => LogLevel::Info,
            Level::Debug => LogLevel::Debug,
            Level::Trace => LogLevel::Trace,
        }
    }
}

/// An environment variable, if it is set to text.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[allow(clippy::needless_pass_by_value)] // The shape of `map_err`.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
