//! What makes a tier an edge or a shield.

use std::{net::SocketAddr, sync::Arc};

use perigee_cluster::{Caller, Markers, Refused, Trust};
use perigee_proxy::{Metrics, NextHop, NextHopStatus, Origination, Scheme, Sender, Services};
use perigee_server::{CertStore, Client};

use crate::Config;

/// What a tier runs on until the next reload. Immutable, but for the health it may watch.
pub trait State: NextHop + Sized {
    /// What it is built from.
    type Config: Send + Sync;

    /// `edge` or `shield`.
    const ROLE: &'static str;

    /// Builds the state; what `before` has and did not change is kept.
    ///
    /// # Errors
    /// A text that says which origin or secret cannot be used.
    fn build(
        config: Self::Config,
        metrics: &Metrics,
        before: Option<&Self>,
    ) -> Result<Self, String>;

    /// Where to listen besides `Config::listen`, and with which certificates.
    ///
    /// # Errors
    /// A text that says which file cannot be used.
    fn tls(config: &Self::Config) -> Result<Listeners, String>;

    /// The common part of a configuration.
    fn common(config: &Self::Config) -> &Config;

    /// What it was built from.
    fn config(&self) -> &Self::Config;

    /// The delivery services.
    fn services(&self) -> &Services;

    /// By what nodes know each other; none: this node stands alone.
    fn trust(&self) -> Option<&Arc<Trust>>;

    /// Whom to let in, and what to believe of them. At addresses for nodes alone strangers have been
    /// turned away before.
    fn admit(&self, caller: Result<Caller, Refused>, client: &Client) -> Admission;

    /// Whether the node drains from now on, over all reloads: what was its own part of the content
    /// is that of others then.
    fn leave(&self, _leaving: bool) {}

    /// What it thinks of the places it sends requests to.
    fn next_hops(&self) -> Vec<NextHopStatus>;
}

/// What becomes of a request by who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is let in.
    Enter(Origination),
    /// It is a node's probe: readiness is told.
    Probe,
    /// It is not let in, for this reason.
    Refuse(&'static str),
}

/// TLS addresses and the certificates for them.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Addresses for HTTPS.
    pub tls_listen: Vec<SocketAddr>,
    /// The certificates, if there are such addresses.
    pub certs: Option<Arc<CertStore>>,
}

/// What a node of ours says of the client that it serves.
pub fn told(markers: &Markers) -> Origination {
    Origination {
        client: markers.client,
        scheme: if markers.https {
            Scheme::Https
        } else {
            Scheme::Http
        },
        sender: Sender::Node,
    }
}
