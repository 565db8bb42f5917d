//! Encrypted transports.

use std::net::SocketAddr;

use perigee_geodns::{CertificateFiles, Encrypted};

use crate::{
    Document,
    at::At,
    sections::{Dns, NodeRef},
    units::Address,
};

impl Document {
    pub(super) fn encrypted(&self, node: &NodeRef<'_>, dns: &Dns) -> Encrypted {
        let addresses = |listen: &[At<Address>]| -> Vec<SocketAddr> {
            listen.iter().map(|address| address.0).collect()
        };
        let Some(tls) = &dns.tls else {
            return Encrypted::default();
        };
        let file = |path: &crate::units::NodePath| path.of(&self.folder, &node.name.0);
        Encrypted {
            tls_listen: addresses(node.tls_listen),
            https_listen: addresses(node.https_listen),
            quic_listen: addresses(node.quic_listen),
            certificate: Some(CertificateFiles {
                cert: file(&tls.cert),
                key: file(&tls.key),
            }),
            https_path: tls.https_path.0.clone(),
            max_connections: tls.max_connections.as_usize(),
            max_connections_per_client: tls.max_connections_per_client.as_usize(),
            max_streams: tls.max_streams.as_u32(),
            idle_timeout: tls.idle_timeout.0,
        }
    }
}
