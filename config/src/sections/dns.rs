//! `[dns]` and `[[pops]]`: the zone, and the places that answers are made of.

mod cookies;
mod dnssec;
mod load;
mod measure;
mod policies;
mod query_log;
mod rate_limit;
mod tls;

use cookies::DnsCookies;
pub(crate) use dnssec::Dnssec;
use load::DnsLoad;
use measure::DnsMeasure;
use perigee_geodns::Limits;
pub(crate) use policies::{Policy, PolicyRule};
use query_log::DnsQueryLog;
use rate_limit::DnsRateLimit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub(crate) use tls::DnsTls;

mod contents;

pub(crate) use contents::DnsRecord;

use crate::{
    at::At,
    units::{
        Address, Contact, Count, Degrees, DnsName, FilePath, Name, Net, OneOrMore, Period, Ttl,
        Whole,
    },
};

/// The zone that the GeoDNS nodes answer for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dns {
    /// The zone. Its parent must delegate it to the GeoDNS nodes.
    pub(crate) zone: At<DnsName>,
    /// The mailbox of who is responsible, for the SOA record. Default: `hostmaster` in the zone.
    pub(crate) contact: Option<Contact>,
    /// How long resolvers may keep an answer, and so how long clients keep coming to an edge that
    /// is gone.
    #[serde(default = "default_ttl")]
    pub(crate) ttl: Ttl,
    /// Most addresses in one answer.
    #[serde(default = "default_answers")]
    pub(crate) answers: Answers,
    /// How long resolvers may keep that a name or type does not exist (RFC 2308).
    #[serde(default = "default_negative_ttl")]
    pub(crate) negative_ttl: Ttl,
    /// A database in MaxMind's format with `location.latitude` and `location.longitude` (City): where
    /// the networks of the world are. Without one, and where no entry of `networks` fits, the first
    /// PoP of the file is nearest.
    pub(crate) database: Option<At<FilePath>>,
    /// More databases: with points (City), countries (City, Country) or autonomous systems (ASN). Of
    /// each of these, the first database tells that knows a network, `database` before the others.
    #[serde(default)]
    pub(crate) databases: Vec<At<FilePath>>,
    /// The policy of services that name none. Default: the nearest PoP that can serve.
    pub(crate) policy: Option<At<Name>>,
    /// Which PoPs serve whom.
    #[serde(default)]
    pub(crate) policies: Vec<Policy>,
    /// Map the databases while they are read, which takes less memory for that moment. **A mapped file
    /// must never be written to; rename the new one over it.**
    #[serde(default)]
    pub(crate) databases_mapped: bool,
    /// More networks whose place is known, one per line: `prefix,pop` or `prefix,latitude,longitude`.
    /// Those of `networks` go before. At most 64 MiB.
    pub(crate) networks_file: Option<At<FilePath>>,
    /// Round-trip times from networks to PoPs, one per line: `prefix,pop,ms`. Of nested prefixes the
    /// longest one tells alone. For policies with `order = "latency"`. At most 64 MiB.
    pub(crate) latency_file: Option<At<FilePath>>,
    /// Where clients are that neither networks nor databases place, private addresses among them.
    /// Default: nowhere, and the first PoP of the file is nearest.
    pub(crate) unknown: Option<At<Unknown>>,
    /// The resolvers whose EDNS Client Subnet option (RFC 7871) is used, as networks. Of others it is
    /// ignored, and not sent back. Default: all.
    pub(crate) client_subnet: Option<Vec<At<Net>>>,
    /// Networks whose place is known; looked up before the database, the longest prefix wins.
    #[serde(default)]
    pub(crate) networks: Vec<At<Network>>,
    /// Signs the zone.
    pub(crate) dnssec: Option<Dnssec>,
    /// Records that are the same for everyone.
    #[serde(default)]
    pub(crate) records: Vec<At<DnsRecord>>,
    /// More records, in a master file (RFC 1035 section 5). Watched like this file.
    pub(crate) zone_file: Option<At<FilePath>>,
    /// Secondaries that are told when the zone has changed (NOTIFY, RFC 1996).
    #[serde(default)]
    pub(crate) notify: Vec<At<Address>>,
    /// Networks that may transfer the zone (AXFR over TCP, RFC 5936). Services go with the addresses
    /// that clients of unknown place get while all edges are healthy.
    #[serde(default)]
    pub(crate) transfer_to: Vec<At<Net>>,
    /// The SOA record.
    #[serde(default)]
    pub(crate) soa: DnsSoa,
    /// What becomes of the clients of a PoP that has too much to do.
    #[serde(default)]
    pub(crate) load: DnsLoad,
    /// Tell who asks for it which name server answers: the node's name (NSID, RFC 5001).
    #[serde(default)]
    pub(crate) nsid: bool,
    /// How far clients are, as edges measure it.
    #[serde(default)]
    pub(crate) measure: DnsMeasure,
    /// What name servers write down of queries.
    #[serde(default)]
    pub(crate) query_log: DnsQueryLog,
    /// Limits of the name servers.
    #[serde(default)]
    pub(crate) limits: DnsLimits,
    /// What networks are sent over UDP, at most.
    #[serde(default)]
    pub(crate) rate_limit: DnsRateLimit,
    /// DNS Cookies.
    #[serde(default)]
    pub(crate) cookies: DnsCookies,
    /// Encrypted transports.
    pub(crate) tls: Option<DnsTls>,
}

/// As many addresses as fit in an answer over UDP.
pub(crate) type Answers = Whole<1, 16>;

/// More than any machine has cores.
pub(crate) type Threads = Whole<1, 1_024>;

fn default_ttl() -> Ttl {
    Ttl(20)
}

fn default_answers() -> Answers {
    Whole(2)
}

fn default_negative_ttl() -> Ttl {
    Ttl(60)
}

/// Networks whose place is known: at a PoP, or at a latitude and longitude.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// The networks, of clients or of the resolvers that ask for them.
    pub(crate) networks: OneOrMore<At<Net>>,
    /// The PoP that they are at.
    pub(crate) pop: Option<At<Name>>,
    /// Degrees north, in place of `pop`.
    pub(crate) latitude: Option<Degrees<90>>,
    /// Degrees east, in place of `pop`.
    pub(crate) longitude: Option<Degrees<180>>,
}

/// The place of clients that nobody places.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unknown {
    /// The PoP that they are at.
    pub(crate) pop: Option<At<Name>>,
    /// Degrees north, in place of `pop`.
    pub(crate) latitude: Option<Degrees<90>>,
    /// Degrees east, in place of `pop`.
    pub(crate) longitude: Option<Degrees<180>>,
}

/// The SOA record (RFC 1035 section 3.3.13).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsSoa {
    /// The version of the zone. Default: that of a SOA record in `zone_file`, if it is not 0;
    /// otherwise when the configuration was applied (`perigee apply`), or without that the time of
    /// this file or of `zone_file`, whichever is later, in seconds since 1970: give all name servers
    /// the files with their times, as `cp -p`, `scp -p` and `rsync -t` do.
    pub(crate) serial: Option<Whole<0, 4_294_967_295>>,
    /// For secondaries: between two looks.
    pub(crate) refresh: Ttl,
    /// For secondaries: after a look that failed.
    pub(crate) retry: Ttl,
    /// For secondaries: when to give up.
    pub(crate) expire: Ttl,
}

impl Default for DnsSoa {
    fn default() -> Self {
        DnsSoa {
            serial: None,
            refresh: Ttl(3_600),
            retry: Ttl(900),
            expire: Ttl(14 * 86_400),
        }
    }
}

/// Limits of the name servers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsLimits {
    /// The largest UDP answer in bytes, whatever the client offers.
    pub(crate) max_udp_payload: Whole<512, 65_535>,
    /// TCP connections at once over all listeners; more wait in the kernel's backlog. Changed by
    /// a restart only.
    pub(crate) max_tcp_connections: Count,
    /// TCP connections of one client (an IPv4 address, or an IPv6 network of 64 bits) at once; more
    /// are closed. Those over encrypted transports count, too. Changed by a restart only.
    pub(crate) max_tcp_connections_per_client: Count,
    /// How long a TCP connection may be idle, or not take its answer; shorter while more than half of
    /// `max_tcp_connections` are taken, down to a tenth. Changed by a restart only.
    pub(crate) tcp_idle_timeout: Period,
    /// Threads that answer over UDP, for each address. Default: one for each core. Changed by a
    /// restart only.
    pub(crate) udp_threads: Option<Threads>,
    /// Threads that answer over TCP. Default: one for each core. Changed by a restart only.
    pub(crate) tcp_threads: Option<Threads>,
}

impl Default for DnsLimits {
    fn default() -> Self {
        let limits = Limits::default();
        DnsLimits {
            max_udp_payload: Whole(limits.max_udp_payload.into()),
            max_tcp_connections: Whole(limits.max_tcp_connections as u64),
            max_tcp_connections_per_client: Whole(limits.max_tcp_connections_per_client as u64),
            tcp_idle_timeout: Period(limits.tcp_idle_timeout),
            udp_threads: None,
            tcp_threads: None,
        }
    }
}

impl DnsLimits {
    /// As the name server takes them.
    pub(crate) fn build(&self) -> Limits {
        let limits = Limits::default();
        let threads = |given: Option<Threads>, default| given.map_or(default, |t| t.as_usize());
        Limits {
            max_udp_payload: self.max_udp_payload.as_u16(),
            max_tcp_connections: self.max_tcp_connections.as_usize(),
            max_tcp_connections_per_client: self.max_tcp_connections_per_client.as_usize(),
            tcp_idle_timeout: self.tcp_idle_timeout.0,
            udp_threads: threads(self.udp_threads, limits.udp_threads),
            tcp_threads: threads(self.tcp_threads, limits.tcp_threads),
        }
    }
}

/// A point of presence: a place where edges stand.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pop {
    /// Its name, unique among PoPs.
    pub(crate) name: At<Name>,
    /// Degrees north.
    pub(crate) latitude: Degrees<90>,
    /// Degrees east.
    pub(crate) longitude: Degrees<180>,
    /// The shields that its edges ask, the first ones first: names of PoPs, for all shields there, or
    /// of shields. Default: all shields, those of the nearest PoP by measured latency first.
    #[serde(default)]
    pub(crate) shields: Vec<At<Name>>,
}
