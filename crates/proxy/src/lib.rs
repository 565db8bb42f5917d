//! One request's life: look up, decide, coalesce, fetch, relay. Shared by edge and shield.

mod service;

pub use perigee_http_cache::Policy;
pub use perigee_storage::MemoryConfig;
pub use perigee_upstream::{EndpointConfig, Limits as EndpointLimits, PoolConfig, Target};
pub use service::ServiceConfig;
