//! What edge and shield both need to know.

use std::{net::SocketAddr, time::Duration};

use perigee_cluster::{EtcdConfig, Node, NodeName, Refills, SpillConfig, TrustConfig};
use perigee_proxy::{DiskConfig, Failover, HotCopies, MemoryConfig, ServiceConfig, Streaming};
use perigee_server::Limits;

use crate::MeasureConfig;

/// The part of a configuration that edge and shield have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The node's name: its token in Cache-Status, its pseudonym in Via.
    pub node: NodeName,
    /// This CDN's identifier in CDN-Loop (RFC 8586 section 2), the same on all its nodes. A
    /// request that carries it and was not sent by a node of ours is a loop.
    pub cdn_id: String,
    /// The version of the configuration, for readiness and status.
    pub version: String,
    /// Cleartext addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Addresses for nodes alone. If there are any, nodes are not served anywhere else; over TLS if
    /// `trust` has certificates.
    pub tier_listen: Vec<SocketAddr>,
    /// By what nodes know each other; `None`: this one stands alone and believes nobody's markers.
    pub trust: Option<TrustConfig>,
    /// The delivery services.
    pub services: Vec<ServiceConfig>,
    /// The store.
    pub memory: MemoryConfig,
    /// The disk that the store has besides, if any.
    pub disk: Option<DiskConfig>,
    /// Purges that are known at once; with more, what is older than those counts as purged. Default
    /// 65,536.
    pub max_purges: usize,
    /// How the node learns of what is purged while it cannot be reached.
    pub purge: PurgeConfig,
    /// Limits on those who connect.
    pub limits: Limits,
    /// Requests under way at once; more are answered 503. Default 20,000.
    pub max_requests: usize,
    /// Whether hits and misses of the usual kind are answered by short ways, which only save work. Default
    /// true.
    pub at_once: bool,
    /// Requests under way at once that the node is made for: at these its load is 1. Default
    /// `max_requests`.
    pub capacity: usize,
    /// How much of its clients the node gives away when it has more to do; `None`: nothing, as nobody
    /// would hear of it.
    pub spill: Option<SpillConfig>,
    /// What the node keeps of how far its clients are; `None`: nothing.
    pub measure: Option<MeasureConfig>,
    /// CDNs that CDN-Loop may name; a request that more have handled is a loop. Default 16.
    pub max_cdns: usize,
    /// How long a request waits for another one's fetch of the same object before it sends its
    /// own. Default 30 s.
    pub coalesce_wait: Duration,
    /// Background refreshes under way at once; while there are as many, what is stale is served
    /// without one. Default 1000.
    pub max_refreshes: usize,
    /// Keys that are marked at once as not worth waiting for; fewer than two: none. Default 10,000.
    pub max_hit_for_miss: usize,
    /// Keys noted at once that could not be fetched a moment ago; fewer than two: none. Default
    /// 10,000.
    pub max_failed_keys: usize,
    /// Queries noted at once as answered by what is stored for another one (No-Vary-Search), and the
    /// rules of a sixteenth as many paths; fewer than 16: none. Default 65,536.
    pub max_alike_queries: u64,
    /// How long an upgraded connection (WebSocket) may be silent. Default 10 min.
    pub tunnel_idle_timeout: Duration,
    /// How far a fetch goes for its readers, and for those who come later.
    pub streaming: Streaming,
    /// What is done when another node fails.
    pub failover: Failover,
    /// When what another edge of the PoP owns is kept here, too.
    pub copies: HotCopies,
}

/// How a node learns of what is purged while it cannot be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct PurgeConfig {
    /// How long the node may hear of no purges: then what it received longer ago than that is
    /// validated before it is used. Default 10 s.
    pub out_of_touch: Duration,
    /// Purges that are kept for those who were away. Default 10,000.
    pub log_entries: usize,
    /// Whose logs it follows. Nobody: it is told of all purges itself.
    pub follows: Vec<Follow>,
    /// With how many of those that count it must be in touch.
    pub needed: usize,
    /// The log in etcd, if the CDN keeps one there; that counts, too.
    pub etcd: Option<EtcdLog>,
}

/// A log of purges in etcd.
#[derive(Clone, Debug, PartialEq)]
pub struct EtcdLog {
    /// Where etcd is.
    pub etcd: EtcdConfig,
    /// What all keys of the CDN begin with.
    pub prefix: String,
    /// Whether this node stores what it fetches from others that follow it.
    pub refills: Refills,
}

impl Default for PurgeConfig {
    fn default() -> Self {
        PurgeConfig {
            out_of_touch: Duration::from_secs(10),
            log_entries: 10_000,
            follows: Vec::new(),
            needed: 1,
            etcd: None,
        }
    }
}

/// A node whose log of purges is followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Follow {
    /// Which.
    pub node: Node,
    /// Whether to be in touch with it counts.
    pub counts: bool,
    /// Whether what is fetched from it is stored here.
    pub refills: Refills,
}

impl Config {
    /// Whether connections between nodes are TLS.
    fn is_tls(&self) -> bool {
        self.trust.as_ref().is_some_and(|trust| trust.tls.is_some())
    }

    /// What only a restart can change, if it is another in `after`.
    pub(crate) fn needs_restart(&self, after: &Config) -> Option<&'static str> {
        let checks = [
            (self.node != after.node, "the node's name"),
            (self.cdn_id != after.cdn_id, "the CDN's identifier"),
            (self.listen != after.listen, "`listen`"),
            (self.tier_listen != after.tier_listen, "`tier_listen`"),
            (self.is_tls() != after.is_tls(), "`trust` of `[tier]`"),
            (self.memory != after.memory, "`[storage]`"),
            (self.disk != after.disk, "`[storage.disk]`"),
            (
                self.max_purges != after.max_purges,
                "`purges` of `[storage]`",
            ),
            (self.streaming != after.streaming, "`[storage]`"),
            (
                self.purge.out_of_touch != after.purge.out_of_touch,
                "`out_of_touch` of `[purge]`",
            ),
            (
                self.purge.log_entries != after.purge.log_entries,
                "`log_entries` of `[purge]`",
            ),
            (self.purge.etcd != after.purge.etcd, "`[membership]`"),
            (
                self.failover != after.failover,
                "`suspect_after`, `retry_share` and `retry_min` of `[tier]`",
            ),
            (
                self.copies != after.copies,
                "`hot_after`, `hot_window` and `copy_max` of `[ring]`",
            ),
            (
                self.coalesce_wait != after.coalesce_wait,
                "`coalesce_wait` of `[limits]`",
            ),
            (
                self.max_refreshes != after.max_refreshes,
                "`max_refreshes` of `[limits]`",
            ),
            (
                self.max_hit_for_miss != after.max_hit_for_miss,
                "`max_hit_for_miss` of `[limits]`",
            ),
            (
                self.max_failed_keys != after.max_failed_keys,
                "`max_failed_keys` of `[limits]`",
            ),
            (
                self.max_alike_queries != after.max_alike_queries,
                "`max_alike_queries` of `[limits]`",
            ),
            (
                self.limits.backlog != after.limits.backlog,
                "`backlog` of `[limits]`",
            ),
            (
                self.tunnel_idle_timeout != after.tunnel_idle_timeout,
                "`tunnel_idle_timeout` of `[limits]`",
            ),
        ];
        let changed = checks.iter().find(|(changed, _)| *changed);
        changed.map(|(_, what)| *what)
    }
}
