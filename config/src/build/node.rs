//! What all roles have, as the binary and the command line see it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use perigee_edge::{NodeName, PopName, Role};

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
