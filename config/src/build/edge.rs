//! An edge's configuration.

use perigee_edge::{CertFiles, Config, Node, NodeName, PopName, Role, ShieldOrder};

use super::{BuildError, Env, common::pop_name};
use crate::{Document, at::At, units::Name};

impl Document {
    /// The configuration of the edge of this name.
    ///
    /// # Errors
    /// [`BuildError`] if no edge has this name, or an environment variable is not set.
    pub fn edge(&self, name: &str, env: Env<'_>) -> Result<Config, BuildError> {
        let node = self.find(name, Some(Role::Edge))?;
        let pop = pop_name(&node);
        let mut peers: Vec<_> = self.edge_nodes().filter(|peer| peer.pop == pop).collect();
        if peers.len() < 2 {
            peers.clear();
        }
        Ok(Config {
            tier: self.tier(&node, env)?,
            tls_listen: node.tls_listen.iter().map(|address| address.0).collect(),
            certificates: self.certificates(),
            peers,
            shields: self.shield_nodes().collect(),
            shield_order: self.shield_order(pop.as_ref()),
            origin_fallback: self.file.tier.origin_fallback,
            tier_limits: self.file.tier.build(),
            load_bound: self.file.ring.load_bound(),
            view: self.file.health.build(),
        })
    }

    /// In which order the edges of a PoP ask the shields.
    fn shield_order(&self, pop: Option<&PopName>) -> ShieldOrder {
        let pop = pop.and_then(|pop| {
            let mut pops = self.file.pops.iter();
            pops.find(|it| it.name.0 == pop.as_str())
        });
        let named = pop.map_or(&[][..], |pop| &pop.shields);
        if named.is_empty() {
            return ShieldOrder::Nearest;
        }
        let group = |name: &At<Name>| -> Vec<NodeName> {
            let is_meant = |node: &Node| {
                node.name.as_str() == name.0
                    || node.pop.as_ref().is_some_and(|pop| pop.as_str() == name.0)
            };
            let meant = self.shield_nodes().filter(is_meant);
            meant.map(|node| node.name).collect()
        };
        ShieldOrder::Named(named.iter().map(group).collect())
    }

    fn certificates(&self) -> Vec<CertFiles> {
        let files = |certificate: &crate::sections::Certificate| CertFiles {
            hosts: certificate
                .hosts
                .iter()
                .map(|host| host.0.clone())
                .collect(),
            cert: certificate.cert.from(&self.folder),
            key: certificate.key.from(&self.folder),
        };
        self.file.certificates.iter().map(files).collect()
    }
}
