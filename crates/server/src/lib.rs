//! What edges and shields listen with: accept, TLS, timers, connection limits, drain.
//!
//! The way of a connection: `accept` admits it (`clients`, `slots`, `registry`), `connection`
//! takes it through TLS and to `http1` or `http2`, and those that only ask what can be answered at once stand in the
//! `hall`; each
//! request goes to the [`Handler`] (`exchange`) after `guards` had a look. What the connection is doing stands in its `state`;
//! `timers` says from that, without a clock, what is due next, and `watch` does it.

mod accept;
mod at_once;
mod bind;
mod body;
mod certs;
mod clients;
mod coarse;
mod connection;
mod drain;
mod exchange;
mod guards;
mod hall;
mod handler;
mod http1;
mod http2;
mod io;
mod lending;
mod limits;
mod line;
mod registry;
mod request;
mod response;
mod round_trip;
mod serve;
mod shared;
mod slots;
mod sni;
mod socket;
mod state;
mod stats;
mod timers;
mod upgraded;
mod watch;

pub use at_once::{Asked, AtOnce, Content, EndHead, Reply};
pub use bind::{BindError, bind_all};
pub use body::{BodyError, TimedBody, with_idle_timeout};
pub use certs::{CertError, CertFiles, CertStore};
pub use drain::DrainReport;
pub use handler::{Client, Handler};
pub use lending::Pages;
pub use limits::Limits;
pub use line::{Line, OnUpgrade};
pub use request::RequestBody;
pub use round_trip::{Gauge, NoClient};
pub use serve::{Meter, Server, ServerConfig};
pub use stats::Stats;
pub use upgraded::Upgraded;
