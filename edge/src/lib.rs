//! The client-facing tier: guards, tier markers, and where to go on a miss.

mod config;

pub use config::Config;
pub use perigee_cluster::{Node, NodeName, PopName, Role, ViewConfig};
pub use perigee_proxy::{
    EndpointConfig, EndpointLimits, MemoryConfig, Policy, PoolConfig, ServiceConfig, Target,
};
pub use perigee_server::{CertFiles, Limits as ClientLimits};
