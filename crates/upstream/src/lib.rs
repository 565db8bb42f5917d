//! Endpoints to fetch from: http, https and folders; connection pools, limits, retries,
//! balancing over the addresses of one origin with passive health.

mod body;
mod endpoint;
mod error;
mod folder;
mod limits;
mod pool;

pub use body::Body;
pub use endpoint::{Endpoint, EndpointConfig, Target, TargetError};
pub use error::{SendError, SendErrorKind};
pub use limits::Limits;
pub use pool::{Pool, PoolConfig};
