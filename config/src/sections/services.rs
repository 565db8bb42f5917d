//! `[[services]]` and `[[certificates]]`: what is served, from where, under which policy.

use perigee_edge::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OriginLimits, OriginPool, dns::Answers};
use crate::{
    at::At,
    units::{Bytes, FilePath, HostPattern, Lifetime, OneOrMore, Origin, ServiceName, Share, Ttl},
};

/// A delivery service: which hosts are served, from where, under which policy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Its name, unique among services. With `[dns]`, the GeoDNS answers `NAME.ZONE` with edges,
    /// and the edges serve that host too.
    pub(crate) name: At<ServiceName>,
    /// The hosts that it answers for, without port: `www.example.com`, `*.example.com` for any one
    /// or more labels in the star's place, or `*` for all that no other service claims.
    #[serde(default)]
    pub(crate) hosts: Vec<At<HostPattern>>,
    /// Where its content comes from: URLs such as `http://10.0.0.5:3000`, folders such as
    /// `./public`, or tables such as `{ url = "https://app.example", host = "www.example.com" }`.
    /// Of several, the healthy one with the fewest requests under way is asked.
    pub(crate) origins: OneOrMore<Origin>,
    /// The largest request body; more is answered 413.
    #[serde(default = "default_max_request_body")]
    pub(crate) max_request_body: Bytes<0, { 1 << 50 }>,
    /// What is cached, and for how long.
    #[serde(default)]
    pub(crate) cache: Cache,
    /// Limits on the use of each of its origins.
    #[serde(default)]
    pub(crate) origin_limits: OriginLimits,
    /// How its origins are used together.
    #[serde(default)]
    pub(crate) origin_pool: OriginPool,
    /// How its name is answered in DNS.
    #[serde(default)]
    pub(crate) dns: ServiceDns,
}

/// 1 GiB.
fn default_max_request_body() -> Bytes<0, { 1 << 50 }> {
    Bytes(1 << 30)
}

/// How the name of a service is answered in DNS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServiceDns {
    /// How long resolvers may keep an answer. Default: `ttl` of `[dns]`.
    pub(crate) ttl: Option<Ttl>,
    /// Most addresses in one answer. Default: `answers` of `[dns]`.
    pub(crate) answers: Option<Answers>,
}

/// What is cached, and for how long.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cache {
    /// How long a response is fresh that says nothing of it and allows no heuristic. Zero: such a
    /// response is kept only if it has a validator. Default: `"0s"`; for a service of folders
    /// alone `"10s"`.
    #[serde(skip_serializing)]
    pub(crate) default_ttl: Option<Lifetime>,
    /// Upper bound on any freshness.
    pub(crate) max_ttl: Lifetime,
    /// Heuristic freshness (RFC 9111 section 4.2.2): this share of the time since Last-Modified.
    /// Zero: none. Default: `0.1`; for a service of folders alone `0.0`.
    #[serde(skip_serializing)]
    pub(crate) heuristic_fraction: Option<Share>,
    /// Upper bound on heuristic freshness.
    pub(crate) heuristic_max: Lifetime,
    /// How long past its freshness a response may be served when the origin fails and the response
    /// says nothing of `stale-if-error` (RFC 5861 section 4). Never overrides `must-revalidate`.
    pub(crate) stale_if_error: Lifetime,
    /// Whether `no-cache`, `no-store`, `max-age`, `min-fresh` and `max-stale` of a client's
    /// request are obeyed (RFC 9111 section 5.2.1). Clients could then bust the cache.
    pub(crate) obey_request_directives: bool,
}

impl Default for Cache {
    fn default() -> Self {
        let policy = Policy::default();
        Cache {
            default_ttl: None,
            max_ttl: Lifetime(policy.max_ttl),
            heuristic_fraction: None,
            heuristic_max: Lifetime(policy.heuristic_max),
            stale_if_error: Lifetime(policy.stale_if_error),
            obey_request_directives: policy.obey_request_directives,
        }
    }
}

impl Cache {
    /// As the cache takes it; `files` if all that is cached comes from folders.
    pub(crate) fn build(&self, files: bool) -> Policy {
        let default = if files {
            Policy::for_files()
        } else {
            Policy::default()
        };
        let fraction = self.heuristic_fraction.as_ref();
        Policy {
            default_ttl: self
                .default_ttl
                .as_ref()
                .map_or(default.default_ttl, |ttl| ttl.0),
            max_ttl: self.max_ttl.0,
            heuristic_fraction: fraction.map_or(default.heuristic_fraction, |share| share.0),
            heuristic_max: self.heuristic_max.0,
            stale_if_error: self.stale_if_error.0,
            obey_request_directives: self.obey_request_directives,
        }
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    /// The chain as a PEM file, leaf first.
    pub(crate) cert: FilePath,
    /// The private key as a PEM file.
    pub(crate) key: FilePath,
    /// The hosts it serves, `*.example.com` for one label. Default: those that the certificate
    /// itself names.
    #[serde(default)]
    pub(crate) hosts: Vec<At<HostPattern>>,
}
