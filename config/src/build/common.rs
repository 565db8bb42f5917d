//! Finding nodes, and what all roles have.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use perigee_edge::{NodeName, PopName, Role};

use super::{AccessLog, BuildError, Env, Level, Log, NodeCommon, NodeSummary, Shutdown};
use crate::{
    Document,
    sections::{Dns, NodeRef},
    suggest::{list, nearest},
    units::{AccessLogTarget, LevelName},
};

/// For a node whose address nobody keeps for long.
const GRACE: Duration = Duration::from_secs(1);

impl Document {
    /// What the node of this name has, whatever its role.
    ///
    /// # Errors
    /// [`BuildError`] if no node has this name, or the token's environment variable is not set.
    pub fn node(&self, name: &str, env: Env<'_>) -> Result<NodeCommon, BuildError> {
        let node = self.find(name, None)?;
        let file = &self.file;
        Ok(NodeCommon {
            name: node_name(&node),
            role: node.role,
            pop: pop_name(&node),
            admin: node.admin(),
            admin_token: self.admin_token(env)?,
            log: self.log(),
            shutdown: Shutdown {
                grace: self.grace(node.role),
                deadline: file.shutdown.deadline.0,
            },
            reload_interval: file.reload.check_interval.0,
        })
    }

    /// All nodes: edges, shields, GeoDNS nodes, each in the order of the file.
    pub fn nodes(&self) -> Vec<NodeSummary> {
        let summary = |node: NodeRef<'_>| NodeSummary {
            name: node_name(&node),
            role: node.role,
            pop: pop_name(&node),
            admin: reached_at(node.admin(), node.tier_address().0.ip()),
            tier_address: node.tier_address().0,
        };
        self.file.nodes().map(summary).collect()
    }

    /// The node of this name, which must have this role if one is asked for.
    pub(crate) fn find(&self, name: &str, role: Option<Role>) -> Result<NodeRef<'_>, BuildError> {
        let nodes = || {
            self.file
                .nodes()
                .filter(|node| role.is_none_or(|role| node.role == role))
        };
        if let Some(node) = nodes().find(|node| node.name.0 == name) {
            return Ok(node);
        }
        if let Some(node) = self.file.nodes().find(|node| node.name.0 == name) {
            let is = node.role.as_str();
            return Err(BuildError(format!(
                "the node {name:?} is of role {is}: start it with `perigee {is}`"
            )));
        }
        let what = role.map_or("node", Role::as_str);
        let names = || nodes().map(|node| node.name.0.as_str());
        let near = nearest(name, names())
            .map_or(String::new(), |near| format!(" did you mean \"{near}\"?"));
        Err(BuildError(format!(
            "no {what} is named {name:?}:{near} the file has {}",
            list(names(), "and")
        )))
    }

    /// The longest time for which an answer with edges may be kept.
    pub(super) fn longest_ttl(&self, dns: &Dns) -> Duration {
        let services = self.file.services.iter();
        let ttls = services.map(|service| service.dns.ttl.unwrap_or(dns.ttl).0);
        Duration::from_secs(ttls.max().unwrap_or(dns.ttl.0).into())
    }

    /// How long a node of this role takes new requests after it has said that it drains.
    fn grace(&self, role: Role) -> Duration {
        let file = &self.file;
        if let Some(grace) = file.shutdown.grace {
            return grace.0;
        }
        // One probe may have begun just before, and the next one takes its time.
        let noticed = file.health.interval.0 + file.health.timeout.0;
        match (role, &file.dns) {
            _ if file.geodns.is_empty() => GRACE,
            (Role::Edge, Some(dns)) => noticed + self.longest_ttl(dns),
            (Role::Shield, _) => noticed,
            // Resolvers ask the next name server of the zone.
            (Role::Edge | Role::GeoDns, _) => GRACE,
        }
    }

    /// How much is logged.
    pub fn log_level(&self) -> Level {
        self.log().level
    }

    /// The place of a log; files are relative to the configuration file.
    pub(super) fn log_target(&self, target: &AccessLogTarget) -> AccessLog {
        match target {
            AccessLogTarget::Stdout => AccessLog::Stdout,
            AccessLogTarget::Stderr => AccessLog::Stderr,
            AccessLogTarget::Off => AccessLog::Off,
            AccessLogTarget::File(path) => AccessLog::File(self.folder.join(path)),
        }
    }

    fn log(&self) -> Log {
        let log = &self.file.log;
        Log {
            access: self.log_target(&log.access),
            level: match log.level {
                LevelName::Error => Level::Error,
                LevelName::Warn => Level::Warn,
                LevelName::Info => Level::Info,
                LevelName::Debug => Level::Debug,
                LevelName::Trace => Level::Trace,
            },
        }
    }
}

pub(super) fn node_name(node: &NodeRef<'_>) -> NodeName {
    node.name.0.as_str().into()
}

pub(super) fn pop_name(node: &NodeRef<'_>) -> Option<PopName> {
    node.pop.map(|pop| pop.0.as_str().into())
}

/// An address that is listened on everywhere is reached at the node's own.
pub(super) fn reached_at(listened: SocketAddr, ip: IpAddr) -> SocketAddr {
    if listened.ip().is_unspecified() {
        SocketAddr::new(ip, listened.port())
    } else {
        listened
    }
}
