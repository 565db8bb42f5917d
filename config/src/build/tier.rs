//! What an edge's and a shield's configuration have in common.

use perigee_edge::{DiskConfig, MeasureConfig, Role, SpillConfig, TierConfig};

use super::{BuildError, Env, common::node_name};
use crate::{Document, sections::NodeRef};

impl Document {
    /// Whether there may be nodes that store responses.
    pub fn stores(&self) -> bool {
        let file = &self.file;
        !file.edges.is_empty() || !file.shields.is_empty() || self.nodes_register()
    }

    /// What each edge and shield is to take of memory for its store, if that is written.
    pub fn memory(&self) -> Option<u64> {
        self.file.storage.memory.as_ref().map(|memory| memory.0)
    }

    pub(super) fn tier(&self, node: &NodeRef<'_>, env: Env<'_>) -> Result<TierConfig, BuildError> {
        let limits = &self.file.limits;
        Ok(TierConfig {
            node: node_name(node),
            cdn_id: self.cdn_id(),
            version: self.version(),
            listen: node.listen.iter().map(|address| address.0).collect(),
            tier_listen: node.tier_listen.iter().map(|address| address.0).collect(),
            trust: self.trust(node.name.0.as_str(), env)?,
            services: self.services(),
            memory: self.file.storage.build(),
            disk: self.disk(node.name.0.as_str()),
            max_purges: self.file.storage.purges.as_usize(),
            purge: self.purge(node, env)?,
            limits: limits.build(),
            max_requests: limits.max_requests.as_usize(),
            at_once: limits.at_once,
            capacity: self.capacity(node.name.0.as_str()),
            spill: self.spill(node.role),
            measure: self.measure(node.role),
            max_cdns: limits.max_cdns.as_usize(),
            coalesce_wait: limits.coalesce_wait.0,
            max_refreshes: limits.max_refreshes.as_usize(),
            max_hit_for_miss: limits.max_hit_for_miss.as_usize(),
            max_failed_keys: limits.max_failed_keys.as_usize(),
            max_alike_queries: limits.max_alike_queries.0,
            tunnel_idle_timeout: limits.tunnel_idle_timeout.0,
            streaming: self.file.storage.streaming(),
            failover: self.file.tier.failover(),
            copies: self.file.ring.copies(),
        })
    }

    /// What a node is made for.
    fn capacity(&self, node: &str) -> usize {
        let edge = self.file.edges.iter().find(|edge| edge.name.0 == node);
        let own = edge.and_then(|edge| edge.capacity);
        own.unwrap_or(self.file.limits.max_requests).as_usize()
    }

    /// An edge gives clients away where there are name servers that send them elsewhere.
    fn spill(&self, role: Role) -> Option<SpillConfig> {
        let dns = self.file.dns.as_ref()?;
        let spills = role == Role::Edge && !self.file.geodns.is_empty();
        spills.then(|| dns.load.of_edge(self.longest_ttl(dns)))?
    }

    /// An edge measures how far clients are where there are name servers that ask for it.
    fn measure(&self, role: Role) -> Option<MeasureConfig> {
        let dns = self.file.dns.as_ref()?;
        let is_asked = role == Role::Edge && !self.file.geodns.is_empty();
        is_asked.then(|| dns.measure_of_edge())?
    }

    /// The disk of this node, if it has one.
    fn disk(&self, node: &str) -> Option<DiskConfig> {
        let storage = &self.file.storage;
        let disk = storage.disk.as_ref()?;
        Some(disk.build(&self.folder, node, storage.variants_per_key))
    }

    /// What the CDN is called in CDN-Loop: the same on all nodes that read the file.
    fn cdn_id(&self) -> String {
        if let Some(id) = &self.file.cdn.id {
            return id.0.clone();
        }
        if let Some(dns) = &self.file.dns {
            return dns.zone.0.clone();
        }
        let first = self.file.edges.first().map(|edge| edge.name.0.as_str());
        format!("perigee-{}", first.unwrap_or_default())
    }
}
