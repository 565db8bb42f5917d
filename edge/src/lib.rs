//! The client-facing tier: guards, tier markers, and where to go on a miss.

mod config;
mod edge;
mod error;
mod handler;
mod state;

pub use config::Config;
pub use edge::Edge;
pub use error::{ReloadError, StartError};
pub use perigee_cluster::{
    Credential, Node, NodeName, PopName, ProbeError, Prober, READY_PATH, Readiness, Role, View,
    ViewConfig,
};
pub use perigee_proxy::{
    AccessLog, AccessRecord, Endpoint, EndpointConfig, EndpointLimits, MemoryConfig, NextHopStatus,
    Policy, PoolConfig, Purged, ServiceConfig, Status, Target,
};
pub use perigee_server::{
    CertFiles, Client, DrainReport, Handler, Limits as ClientLimits, Server, ServerConfig,
};
