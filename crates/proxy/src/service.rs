//! Delivery services: which hosts are served, from where, under which policy.

use perigee_http_cache::Policy;
use perigee_upstream::{EndpointConfig, PoolConfig};

/// One delivery service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceConfig {
    /// Its name, unique in the CDN.
    pub name: String,
    /// The hosts it answers for, without port and in lower case: `www.example.com`,
    /// `*.example.com` (any one or more labels in its place), or `*` for all that no other claims.
    pub hosts: Vec<String>,
    /// Where its content comes from; at least one.
    pub origins: Vec<EndpointConfig>,
    /// How the origins are used.
    pub pool: PoolConfig,
    /// What is cached, and for how long.
    pub policy: Policy,
    /// Bytes of a request body; more is answered 413. Default 1 GiB.
    pub max_request_body: u64,
}
