//! `[[services]]` and `[[certificates]]`: what is served, from where, under which policy.

use perigee_edge::Disclosure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cache, OriginLimits, OriginPool, RequestFields, dns::Answers};
use crate::{
    at::At,
    units::{Bytes, FilePath, HostPattern, Name, OneOrMore, Origin, ServiceName, Ttl, ZoneName},
};

/// A delivery service: which hosts are served, from where, under which policy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Its name, unique among services. With `[dns]`, the GeoDNS answers `NAME.ZONE` with edges
    /// (see `dns.names`), and the edges serve that host too.
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
    /// What Cache-Status (RFC 9211) tells clients: `"off"`, nothing; `"brief"`, whether the edge had
    /// it; `"full"`, what each tier says; `"debug"`, that and the cache key.
    #[serde(default)]
    pub(crate) cache_status: Told,
    /// Which fields of a client's request go to the origin.
    #[serde(default)]
    pub(crate) request_fields: RequestFields,
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

/// How much Cache-Status tells.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Told {
    Off,
    Brief,
    #[default]
    Full,
    Debug,
}

impl Told {
    /// As an edge takes it.
    pub(crate) fn build(self) -> Disclosure {
        match self {
            Told::Off => Disclosure::Off,
            Told::Brief => Disclosure::Brief,
            Told::Full => Disclosure::Full,
            Told::Debug => Disclosure::Debug,
        }
    }
}

/// 1 GiB.
fn default_max_request_body() -> Bytes<0, { 1 << 50 }> {
    Bytes(1 << 30)
}

/// How the name of a service is answered in DNS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServiceDns {
    /// The names that are answered with edges, such as `img`, `*.img` for any one or more labels in
    /// the star's place, or `@` for the zone itself. The edges serve these hosts. Default: the name
    /// of the service.
    pub(crate) names: Option<OneOrMore<At<ZoneName>>>,
    /// How long resolvers may keep an answer. Default: `ttl` of `[dns]`.
    pub(crate) ttl: Option<Ttl>,
    /// Most addresses in one answer. Default: `answers` of `[dns]`.
    pub(crate) answers: Option<Answers>,
    /// The policy that says which PoPs serve whom: the name of one of `[[dns.policies]]`. Default:
    /// `policy` of `[dns]`.
    pub(crate) policy: Option<At<Name>>,
    /// Whether the order of the addresses changes with each TTL. Else it is stable for a network, so
    /// that its clients find warm caches.
    pub(crate) rotate: bool,
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
