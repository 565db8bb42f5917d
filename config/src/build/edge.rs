//! An edge's configuration.

use perigee_edge::{CertFiles, Config, Role};

use super::{BuildError, Env, common::pop_name};
use crate::Document;

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
            tier_limits: self.file.tier.build(),
            load_bound: self.file.ring.load_bound(),
            view: self.file.health.build(),
        })
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
