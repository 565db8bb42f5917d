//! A running edge.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use perigee_proxy::{AccessLog, Purged, Status};
use perigee_server::DrainReport;
use prometheus_client::registry::Registry;

use crate::Config;
pub use perigee_cluster::Readiness;

/// Why an edge cannot start: says which address, file or origin, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub String);

/// Why a new configuration was refused; the old one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
impl std::error::Error for ReloadError {}

/// A running edge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge {}

impl Edge {
    /// Binds its addresses and serves. Its metrics go onto `registry`.
    ///
    /// # Errors
    /// [`StartError`] if an address, a certificate or an origin cannot be used.
    pub async fn start(
        _config: Config,
        _registry: &mut Registry,
        _log: Option<Arc<dyn AccessLog>>,
    ) -> Result<Self, StartError> {
        todo!()
    }

    /// The addresses it listens on, cleartext first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        todo!()
    }

    /// Puts a new configuration in place, whole or not at all. What is stored stays.
    ///
    /// # Errors
    /// [`ReloadError`] if it cannot be used, or changes what only a restart can change.
    pub fn reload(&self, _config: Config) -> Result<(), ReloadError> {
        todo!()
    }

    /// Removes all variants of `http://host/path?query` (or https: both schemes are purged).
    ///
    /// # Errors
    /// A text that says what is wrong with the URL.
    pub async fn purge(&self, _url: &str) -> Result<Purged, String> {
        todo!()
    }

    /// What the node says of itself to other nodes.
    pub fn readiness(&self) -> Readiness {
        todo!()
    }

    /// What the node says of itself on its admin API.
    pub fn status(&self) -> Status {
        todo!()
    }

    /// Readiness says draining from now on; requests are still taken for `grace`, then the
    /// listeners close, and what is under way may finish until `deadline` after that.
    pub async fn drain(&self, _grace: Duration, _deadline: Duration) -> DrainReport {
        todo!()
    }
}
