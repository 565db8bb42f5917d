//! `[dns.tls]`: DNS over TLS, HTTPS and QUIC.

use perigee_geodns::Encrypted;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::units::{Count, HttpPath, NodePath, Period, Whole};

/// DNS over TLS, HTTPS and QUIC, at the `tls_listen`, `https_listen` and `quic_listen` of the GeoDNS nodes.
/// The certificate is taken anew when its files change; the rest is changed by a restart only.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsTls {
    /// The chain as a PEM file, leaf first; `{node}` is the name of the node.
    pub(crate) cert: NodePath,
    /// The private key as a PEM file; `{node}` is the name of the node.
    pub(crate) key: NodePath,
    /// The path of DNS over HTTPS.
    #[serde(default = "default_https_path")]
    pub(crate) https_path: HttpPath,
    /// Connections at once over all three; more are closed.
    #[serde(default = "default_max_connections")]
    pub(crate) max_connections: Count,
    /// Connections of one client: of an IPv4 address, or an IPv6 network of 64 bits. Those over plain TCP
    /// count, too.
    #[serde(default = "default_max_connections_per_client")]
    pub(crate) max_connections_per_client: Count,
    /// Queries under way on one connection over HTTPS or QUIC.
    #[serde(default = "default_max_streams")]
    pub(crate) max_streams: Whole<1, 10_000>,
    /// How long a connection may be idle, take to be set up, take for one query, or not take its answer.
    #[serde(default = "default_idle_timeout")]
    pub(crate) idle_timeout: Period,
}

fn default_https_path() -> HttpPath {
    HttpPath::of(&Encrypted::default().https_path)
}

fn default_max_connections() -> Count {
    Whole(Encrypted::default().max_connections as u64)
}

fn default_max_connections_per_client() -> Count {
    Whole(Encrypted::default().max_connections_per_client as u64)
}

fn default_max_streams() -> Whole<1, 10_000> {
    Whole(Encrypted::default().max_streams.into())
}

fn default_idle_timeout() -> Period {
    Period(Encrypted::default().idle_timeout)
}
