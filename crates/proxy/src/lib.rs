//! One request's life: look up, decide, coalesce, fetch, relay. Shared by edge and shield.

mod access;
mod service;
mod status;

pub use access::{AccessLog, AccessRecord};
pub use perigee_http_cache::Policy;
pub use perigee_storage::MemoryConfig;
pub use perigee_upstream::{
    Endpoint, EndpointConfig, Limits as EndpointLimits, PoolConfig, Target,
};
pub use service::ServiceConfig;
pub use status::{NextHopStatus, Purged, Status};
