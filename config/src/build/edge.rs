//! An edge's configuration.

use perigee_edge::{CertFiles, Config, Role};

use super::{
    BuildError, Env,
    common::{node_name, pop_name},
};
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
            node: node_name(&node),
            cdn_id: self.cdn_id(),
            version: self.version(),
            listen: node.listen.iter().map(|address| address.0).collect(),
            tls_listen: node.tls_listen.iter().map(|address| address.0).collect(),
            certificates: self.certificates(),
            services: self.services(),
            peers,
            shields: self.shield_nodes().collect(),
            secret: self.secret(env)?,
            memory: self.file.storage.build(),
            limits: self.file.limits.build(),
            max_requests: self.file.limits.max_requests.as_usize(),
            coalesce_wait: self.file.limits.coalesce_wait.0,
            tunnel_idle_timeout: self.file.limits.tunnel_idle_timeout.0,
            tier_limits: self.file.tier.build(),
            view: self.file.health.build(),
        })
    }

    /// What the CDN is called in CDN-Loop: the same on all nodes that read the file.
    pub(super) fn cdn_id(&self) -> String {
        if let Some(id) = &self.file.cdn.id {
            return id.0.clone();
        }
        if let Some(dns) = &self.file.dns {
            return dns.zone.0.clone();
        }
        let first = self.file.edges.first().map(|edge| edge.name.0.as_str());
        format!("perigee-{}", first.unwrap_or_default())
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
