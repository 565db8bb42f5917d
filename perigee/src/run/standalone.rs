//! One caching reverse proxy, without a file.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use perigee_edge::{
    CertFiles, ClientLimits, Config, Disclosure, DiskConfig, Edge, EndpointConfig, EndpointLimits,
    Failover, HotCopies, LoadBound, MemoryConfig, Policy, PoolConfig, RequestFields, ServiceConfig,
    ShieldOrder, Streaming, Target, TierConfig, ViewConfig,
};

use super::{
    Process, Settings, Terms,
    from_file::{certificate_files, seen},
    reload::{Load, Loaded, Reloader, Seen},
};
use crate::{
    cli::{self, AccessLogTarget, LogLevel, Origin},
    machine::{self, Memory},
    telemetry,
};

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// How often the certificate files are looked at.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);
const NAME: &str = "perigee";
const DISK_SIZE: u64 = 10 << 30;
/// Nobody watches the readiness of an edge that stands alone: it can stop at once.
const GRACE: Duration = Duration::ZERO;
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs an edge as the command line describes it, in front of `origin`.
pub(crate) async fn run_standalone(
    edge: &cli::Edge,
    origin: &Origin,
    level: Option<LogLevel>,
) -> Result<(), String> {
    telemetry::diagnostics(level.unwrap_or(LogLevel::Info));
    let mut config = config(edge, origin);
    let machine = Memory::of_this_machine();
    machine::fit(machine, "--memory", edge.memory, &mut config.tier.memory)?;
    let settings = Settings {
        admin: edge.admin.map(|address| (address, None)),
        drain: Terms {
            grace: GRACE,
            deadline: DEADLINE,
        },
    };
    let mut process = Process::prepare(settings).await?;
    let target = edge.access_log.clone().unwrap_or(AccessLogTarget::Stdout);
    let log = process.open_access_log(&target, NAME)?;
    let files = certificate_files(&config);
    let seen = seen(files.clone());
    let running = Edge::start(config.clone(), &mut process.registry, log)
        .await
        .map_err(|e| e.to_string())?;
    let reloader = reloader(running.clone(), config, files, seen);
    process.run(Arc::new(running), reloader).await;
    Ok(())
}

/// Everything else is as it is by default.
fn config(edge: &cli::Edge, origin: &Origin) -> Config {
    let (name, target, policy) = match origin {
        Origin::Url(base) => {
            let target = url_target(base.clone());
            (base.to_string(), target, Policy::default())
        }
        Origin::Folder(path) => {
            let target = Target::Folder(path.clone());
            (path.display().to_string(), target, Policy::for_files())
        }
    };
    let service = ServiceConfig {
        name: "default".into(),
        hosts: vec!["*".into()],
        origins: vec![EndpointConfig {
            name,
            target,
            limits: EndpointLimits::default(),
        }],
        pool: PoolConfig::default(),
        policy,
        rules: Vec::new(),
        max_request_body: 1 << 30,
        request_fields: RequestFields::default(),
        cache_status: Disclosure::default(),
    };
    let listen = match edge.listen.is_empty() {
        true => vec![LISTEN],
        false => edge.listen.clone(),
    };
    let tier = TierConfig {
        node: NAME.into(),
        // Two proxies in a row are no loop.
        cdn_id: format!("{NAME}-{:016x}", fastrand::u64(..)),
        version: "command-line".into(),
        listen,
        tier_listen: Vec::new(),
        trust: None,
        services: vec![service],
        memory: edge.memory.map_or_else(MemoryConfig::default, memory),
        disk: disk(edge),
        max_purges: perigee_edge::MOST_PURGES,
        purge: perigee_edge::PurgeConfig::default(),
        limits: ClientLimits::default(),
        max_requests: 20_000,
        at_once: true,
        capacity: 20_000,
        spill: None,
        measure: None,
        coalesce_wait: Duration::from_secs(30),
        max_cdns: 16,
        max_refreshes: 1000,
        max_hit_for_miss: 10_000,
        max_failed_keys: 10_000,
        max_alike_queries: 65_536,
        tunnel_idle_timeout: Duration::from_secs(600),
        streaming: Streaming::default(),
        failover: Failover::default(),
        copies: HotCopies::default(),
    };
    Config {
        tier,
        tls_listen: edge.tls_listen.clone(),
        certificates: certificate(edge).into_iter().collect(),
        peers: Vec::new(),
        shields: Vec::new(),
        shield_order: ShieldOrder::Nearest,
        origin_fallback: true,
        tier_limits: EndpointLimits::default(),
        load_bound: LoadBound::default(),
        view: ViewConfig::default(),
    }
}

fn url_target(base: http::Uri) -> Target {
    Target::Url {
        base,
        host: None,
        sni: None,
        ca_file: None,
    }
}

fn certificate(edge: &cli::Edge) -> Option<CertFiles> {
    Some(CertFiles {
        hosts: Vec::new(),
        cert: edge.cert.clone()?,
        key: edge.key.clone()?,
    })
}

fn memory(capacity: u64) -> MemoryConfig {
    MemoryConfig {
        capacity,
        fill_bytes: capacity / 4,
        ..MemoryConfig::default()
    }
}

fn disk(edge: &cli::Edge) -> Option<DiskConfig> {
    let size = edge.disk_size.unwrap_or(DISK_SIZE);
    Some(DiskConfig::new(edge.disk.clone()?.join(NAME), size))
}

/// Takes the certificate files anew when they change; there is nothing else that can.
fn reloader(edge: Edge, config: Config, files: Vec<PathBuf>, seen: Vec<Seen>) -> Option<Reloader> {
    if files.is_empty() {
        return None;
    }
    let loaded = Loaded {
        version: config.tier.version.clone(),
        files,
        interval: RELOAD_INTERVAL,
    };
    let again = loaded.clone();
    let load: Load = Arc::new(move || {
        edge.reload(config.clone()).map_err(|e| e.to_string())?;
        Ok(again.clone())
    });
    Some(Reloader::new(load, loaded, seen))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parsed(line: &str) -> Config {
        let cli = cli::Cli::try_parse_from(line.split(' ')).expect("parses");
        let cli::Command::Edge(edge) = cli.command else {
            panic!("not an edge");
        };
        config(&edge, &edge.origin.clone().expect("an origin"))
    }

    #[test]
    fn defaults_are_filled_in() {
        let config = parsed("perigee edge --origin http://127.0.0.1:3000");
        assert_eq!(config.tier.listen, [LISTEN]);
        assert_eq!(config.tier.memory, MemoryConfig::default());
        assert_eq!(config.tier.services[0].hosts, ["*"]);
        assert_eq!(config.tier.disk, None);
        assert!(config.certificates.is_empty() && config.tier.trust.is_none());
    }

    #[test]
    fn options_are_taken() {
        let config = parsed(
            "perigee edge --origin ./public --listen 127.0.0.1:1 --listen [::1]:2 --memory 64MiB \
             --disk cache --disk-size 20MiB --tls-listen 127.0.0.1:3 --cert c.pem --key k.pem",
        );
        assert_eq!(config.tier.listen.len(), 2);
        assert_eq!(config.tier.memory.capacity, 64 << 20);
        assert_eq!(config.tier.memory.fill_bytes, 16 << 20);
        let disk = DiskConfig::new("cache/perigee".into(), 20 << 20);
        assert_eq!(config.tier.disk, Some(disk));
        assert_eq!(config.certificates[0].key, PathBuf::from("k.pem"));
        let origin = &config.tier.services[0].origins[0];
        assert_eq!(origin.target, Target::Folder("./public".into()));
    }
}
