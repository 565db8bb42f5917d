//! What edge and shield have in common: start, take in, reload, purge, tell, drain.
//!
//! A [`Tier`] is a running node that caches. What makes it an edge or a shield is its [`State`]:
//! whom it admits, and where a request goes that it cannot answer.

mod at_once;
mod config;
mod connection_metrics;
mod error;
mod handler;
mod lent;
mod line;
mod node_metrics;
mod purges;
mod round_trips;
mod spilling;
mod state;
mod store_metrics;
mod tier;

pub use config::{Config, EtcdLog, Follow, PurgeConfig};
pub use error::{ReloadError, StartError};
pub use round_trips::MeasureConfig;
pub use state::{Admission, Listeners, State, told};
pub use tier::Tier;
