//! What an edge needs to know.

use std::net::SocketAddr;

use perigee_cluster::{LoadBound, Node, ViewConfig};
use perigee_proxy::EndpointLimits;
use perigee_server::CertFiles;

use crate::ShieldOrder;

/// The configuration of one edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What a shield needs to know too.
    pub tier: perigee_tier::Config,
    /// TLS addresses to listen on.
    pub tls_listen: Vec<SocketAddr>,
    /// Certificates for `tls_listen`.
    pub certificates: Vec<CertFiles>,
    /// All edges of this node's PoP, itself included; empty: it stands alone.
    pub peers: Vec<Node>,
    /// All shields; empty: it asks the origins itself.
    pub shields: Vec<Node>,
    /// Which of them are asked first.
    pub shield_order: ShieldOrder,
    /// Whether the origins are asked when no shield can be. Default true.
    pub origin_fallback: bool,
    /// Limits on the connections to peers and shields.
    pub tier_limits: EndpointLimits,
    /// How much more than its part a peer may have under way.
    pub load_bound: LoadBound,
    /// How peers and shields are watched.
    pub view: ViewConfig,
}
