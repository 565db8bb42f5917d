//! Endpoints to fetch from: http, https and folders; connection pools, limits, retries,
//! balancing over the addresses of one origin with passive health.
//!
//! Top down: a [`Pool`] chooses among [`Endpoint`]s (`balance`, `breaker`, `budget`, `backoff` and
//! `hedge` decide, purely); an endpoint lets
//! a request in (`admission`) and hands it to an HTTP origin (`http_origin`: `dial`, `resolve` and
//! `tls` make connections, `http1` speaks on them) or to a `folder`.

mod admission;
mod backoff;
mod balance;
pub mod body;
mod breaker;
mod budget;
mod came;
mod dial;
mod endpoint;
mod error;
mod folder;
mod hedge;
mod http1;
mod http_origin;
mod interim;
mod limits;
mod outgoing;
mod pool;
mod resolve;
mod returnable;
#[cfg(test)]
mod testing;
mod tls;
mod window;
mod words;

pub use backoff::backoff;
pub use body::Body;
pub use breaker::BreakerConfig;
pub use budget::{RetryBudget, RetryLimit};
pub use came::{Came, Lines, Whole};
pub use endpoint::{Endpoint, EndpointConfig, NodeTls, Target, TargetError};
pub use error::{SendError, SendErrorKind};
pub use http1::{Upgraded, upgraded};
pub use interim::{Head, OnInterim};
pub use limits::Limits;
pub use outgoing::{FieldLines, Outgoing};
pub use pool::{Pool, PoolConfig};
