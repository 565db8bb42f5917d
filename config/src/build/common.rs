//! What all roles have, and what the command line wants to know of a node.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use perigee_edge::{NodeName, PopName, Role};

use super::{BuildError, Env};
use crate::{
    Document,
    at::At,
    sections::NodeRef,
    suggest::{list, nearest},
    units::{AccessLogTarget, EnvName, LevelName, Secret},
    validate::SHORTEST,
};

/// What a node of any role has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCommon {
    /// Its name.
    pub name: NodeName,
    /// What it does.
    pub role: Role,
    /// Where it stands, if anywhere.
    pub pop: Option<PopName>,
    /// The address of its admin API.
    pub admin: SocketAddr,
    /// What callers of the admin API must send as `Authorization: Bearer TOKEN`, if anything.
    pub admin_token: Option<String>,
    /// Its logs.
    pub log: Log,
    /// How it stops.
    pub shutdown: Shutdown,
    /// How often it looks whether the file or a certificate has changed. Above zero.
    pub reload_interval: Duration,
}

/// Where logs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The access log.
    pub access: AccessLog,
    /// How much else is logged.
    pub level: Level,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// To standard output.
    Stdout,
    /// To standard error.
    Stderr,
    /// Nowhere.
    Off,
    /// Appended to this file.
    File(PathBuf),
}

/// How much is logged; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the node cannot do as it should.
    Error,
    /// What someone should look at.
    Warn,
    /// What happens seldom and is good to know.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The level as it is written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// How a node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long it still takes new requests after it has said that it stops. May be zero.
    pub grace: Duration,
    /// How long the requests under way then have. May be zero.
    pub deadline: Duration,
}

/// A node as the command line sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSummary {
    /// Its name.
    pub name: NodeName,
    /// What it does.
    pub role: Role,
    /// Where it stands, if anywhere.
    pub pop: Option<PopName>,
    /// Where its admin API is reached.
    pub admin: SocketAddr,
    /// Where other nodes reach it; for a GeoDNS node, where it answers.
    pub tier_address: SocketAddr,
}

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
                grace: file.shutdown.grace.0,
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

    /// What the nodes share, so that they know each other; `None` if the only node is alone.
    ///
    /// # Errors
    /// [`BuildError`] if its environment variable is not set, or is too short.
    pub fn secret(&self, env: Env<'_>) -> Result<Option<Vec<u8>>, BuildError> {
        let cdn = &self.file.cdn;
        let secret = either(
            "cdn",
            "secret",
            cdn.secret.as_ref(),
            cdn.secret_env.as_ref(),
            env,
        )?;
        Ok(secret.map(String::into_bytes))
    }

    /// What the admin APIs want to be sent, if anything.
    ///
    /// # Errors
    /// [`BuildError`] if its environment variable is not set, or is too short.
    pub fn admin_token(&self, env: Env<'_>) -> Result<Option<String>, BuildError> {
        let admin = &self.file.admin;
        either(
            "admin",
            "token",
            admin.token.as_ref(),
            admin.token_env.as_ref(),
            env,
        )
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

    fn log(&self) -> Log {
        let log = &self.file.log;
        Log {
            access: match &log.access {
                AccessLogTarget::Stdout => AccessLog::Stdout,
                AccessLogTarget::Stderr => AccessLog::Stderr,
                AccessLogTarget::Off => AccessLog::Off,
                AccessLogTarget::File(path) => AccessLog::File(self.folder.join(path)),
            },
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
fn reached_at(listened: SocketAddr, ip: IpAddr) -> SocketAddr {
    if listened.ip().is_unspecified() {
        SocketAddr::new(ip, listened.port())
    } else {
        listened
    }
}

/// The value in the file, or of the environment variable that the file names.
fn either(
    table: &str,
    key: &str,
    value: Option<&At<Secret>>,
    variable: Option<&At<EnvName>>,
    env: Env<'_>,
) -> Result<Option<String>, BuildError> {
    if let Some(value) = value {
        return Ok(Some(value.0.clone()));
    }
    let Some(variable) = variable.map(|variable| variable.0.as_str()) else {
        return Ok(None);
    };
    match env(variable) {
        Some(value) if value.len() >= SHORTEST => Ok(Some(value)),
        Some(value) => Err(BuildError(format!(
            "the {key} in the environment variable {variable} has {} bytes, and less than {SHORTEST} are too easy to guess: make one with `openssl rand -hex 32`",
            value.len()
        ))),
        None => Err(BuildError(format!(
            "the environment variable {variable} is not set: the file says that it holds the {key} ({key}_env in [{table}])"
        ))),
    }
}
