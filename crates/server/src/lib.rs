//! What edges and shields listen with: accept, TLS, timers, connection limits, drain.

mod certs;
mod drain;
mod handler;
mod limits;
mod serve;

pub use certs::{CertError, CertFiles, CertStore};
pub use drain::DrainReport;
pub use handler::{Client, Handler};
pub use limits::Limits;
pub use serve::{Server, ServerConfig};
