//! What a shield needs to know.

use std::{net::SocketAddr, time::Duration};

use perigee_cluster::NodeName;
use perigee_proxy::{MemoryConfig, ServiceConfig};
use perigee_server::Limits;

/// The configuration of one shield.
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
    /// The delivery services.
    pub services: Vec<ServiceConfig>,
    /// What the nodes of the CDN share: only who proves it is admitted.
    pub secret: Vec<u8>,
    /// The store.
    pub memory: MemoryConfig,
    /// Limits on clients.
    pub limits: Limits,
    /// Requests under way at once; more are answered 503. Default 20,000.
    pub max_requests: usize,
    /// How long a request waits for another one's fetch of the same object before it sends its
    /// own. Default 30 s.
    pub coalesce_wait: Duration,
    /// How long an upgraded connection (WebSocket) may be silent. Default 10 min.
    pub tunnel_idle_timeout: Duration,
}
