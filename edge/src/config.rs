//! What an edge needs to know.

use std::{net::SocketAddr, time::Duration};

use perigee_cluster::{Node, NodeName, ViewConfig};
use perigee_proxy::{EndpointLimits, MemoryConfig, ServiceConfig};
use perigee_server::{CertFiles, Limits};

/// The configuration of one edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The node's name: its token in Cache-Status, its pseudonym in Via and CDN-Loop.
    pub node: NodeName,
    /// This CDN's identifier in CDN-Loop (RFC 8586 section 2), the same on all its nodes: the
    /// zone's name. A request that carries it and was not sent by a node of ours is a loop.
    pub cdn_id: String,
    /// The version of the configuration, for readiness and status.
    pub version: String,
    /// Cleartext addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// TLS addresses to listen on.
    pub tls_listen: Vec<SocketAddr>,
    /// Certificates for `tls_listen`.
    pub certificates: Vec<CertFiles>,
    /// The delivery services.
    pub services: Vec<ServiceConfig>,
    /// All edges of this node's PoP, itself included; empty: it stands alone.
    pub peers: Vec<Node>,
    /// All shields; empty: it asks the origins itself.
    pub shields: Vec<Node>,
    /// What the nodes of the CDN share; `None`: it stands alone and believes nobody's markers.
    pub secret: Option<Vec<u8>>,
    /// The store.
    pub memory: MemoryConfig,
    /// Limits on clients.
    pub limits: Limits,
    /// Requests under way at once; more are answered 503. Default 20,000.
    pub max_requests: usize,
    /// Limits on the connections to peers and shields.
    pub tier_limits: EndpointLimits,
    /// How peers and shields are watched.
    pub view: ViewConfig,
    /// How long a request waits for another one's fetch of the same object before it sends its
    /// own. Default 30 s.
    pub coalesce_wait: Duration,
    /// How long an upgraded connection (WebSocket) may be silent. Default 10 min.
    pub tunnel_idle_timeout: Duration,
}
