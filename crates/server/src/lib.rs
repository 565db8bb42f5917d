//! What edges and shields listen with: accept, TLS, timers, connection limits, drain.
//!
//! The way of a connection: `accept` admits it (`clients`, `slots`, `registry`), `connection`
//! takes it through TLS and lets hyper speak HTTP on it, `exchange` hands each request to the
//! [`Handler`] after `guards` had a look. What the connection is doing stands in its `state`;
//! `timers` says from that, without a clock, what is due next, and `watch` does it.

mod accept;
mod bind;
mod body;
mod certs;
mod clients;
mod connection;
mod drain;
mod exchange;
mod guards;
mod handler;
mod http;
mod io;
mod limits;
mod registry;
mod response;
mod serve;
mod shared;
mod slots;
mod sni;
mod state;
mod stats;
mod timers;
mod watch;

pub use bind::{BindError, bind_all};
pub use body::{BodyError, TimedBody, with_idle_timeout};
pub use certs::{CertError, CertFiles, CertStore};
pub use drain::DrainReport;
pub use handler::{Client, Handler};
pub use limits::Limits;
pub use serve::{Server, ServerConfig};
pub use stats::Stats;
