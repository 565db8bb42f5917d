//! What a GeoDNS node needs to know.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use perigee_cluster::{Node, NodeName, PopName, ViewConfig};

use crate::{
    Encrypted, GuardConfig, dnssec::DnssecConfig, load::LoadConfig, measured::MeasureConfig,
    place::PlaceConfig, policy::PolicyConfig, query_log::QueryLogConfig, zone::Contents,
};

/// The configuration of one GeoDNS node.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The node's name.
    pub node: NodeName,
    /// The version of the configuration, for status.
    pub version: String,
    /// Addresses to answer on, UDP and TCP both.
    pub listen: Vec<SocketAddr>,
    /// The zone, without the final dot: `cdn.example`.
    pub zone: String,
    /// Its SOA record.
    pub soa: Soa,
    /// Its NS records, and the addresses of those names that are inside the zone.
    pub name_servers: Vec<NameServer>,
    /// The names that are answered with edges.
    pub services: Vec<Service>,
    /// Where the edges are. Their order counts where nothing is known of a client's place.
    pub pops: Vec<Pop>,
    /// Which PoPs serve whom, for services that name them.
    pub policies: Vec<PolicyConfig>,
    /// Networks whose place is known; looked up before the database, the longest prefix wins.
    pub networks: Vec<Network>,
    /// What else tells where clients are.
    pub place: PlaceConfig,
    /// How edges are watched.
    pub view: ViewConfig,
    /// Whether who asks for it is told the node's name (NSID, RFC 5001). Default: no.
    pub nsid: bool,
    /// What is written down of queries, if anybody writes.
    pub query_log: QueryLogConfig,
    /// What becomes of the clients of a PoP that has too much to do.
    pub load: LoadConfig,
    /// How what edges have measured of their clients is used.
    pub measure: MeasureConfig,
    /// Limits.
    pub limits: Limits,
    /// Records that are the same for everyone, and who may have a copy of the zone.
    pub contents: Contents,
    /// How the zone is signed, if it is.
    pub dnssec: Option<DnssecConfig>,
    /// Encrypted transports.
    pub encrypted: Encrypted,
    /// What is done against abuse.
    pub guard: GuardConfig,
}

/// The SOA record (RFC 1035 section 3.3.13). Times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// Mailbox of who is responsible, as a name: `hostmaster.cdn.example`.
    pub rname: String,
    /// Version of the zone.
    pub serial: u32,
    /// For secondaries: between two looks.
    pub refresh: u32,
    /// For secondaries: after a look that failed.
    pub retry: u32,
    /// For secondaries: when to give up.
    pub expire: u32,
    /// TTL of NXDOMAIN and NODATA (RFC 2308).
    pub negative_ttl: u32,
}

/// A name server of the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// Its name; the first one is the SOA's MNAME.
    pub name: String,
    /// Its addresses; answered for its name, if that is inside the zone.
    pub addresses: Vec<IpAddr>,
}

/// A name that is answered with edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name, inside the zone: `www.cdn.example`.
    pub name: String,
    /// TTL of its records, in seconds. Default 20.
    pub ttl: u32,
    /// Most addresses in one answer, up to 16. Default 2.
    pub answers: usize,
    /// The name of the policy that says which PoPs serve whom. Default: the nearest one.
    pub policy: Option<String>,
    /// Whether the order of the addresses changes each TTL, in place of being stable for a network.
    pub rotate: bool,
}

/// A point of presence.
#[derive(Clone, Debug, PartialEq)]
pub struct Pop {
    /// Its name.
    pub name: PopName,
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Its edges.
    pub edges: Vec<EdgeAddress>,
}

/// An edge, and the addresses that clients are told.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeAddress {
    /// The node, as it is probed.
    pub node: Node,
    /// Its address for A records.
    pub ipv4: Option<Ipv4Addr>,
    /// Its address for AAAA records.
    pub ipv6: Option<Ipv6Addr>,
}

/// A network whose place is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The network.
    pub network: IpNet,
    /// Where its clients are.
    pub place: Place,
}

/// Where a client is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// At this PoP.
    Pop(PopName),
    /// At these degrees north and east.
    Point(f64, f64),
}

/// Limits of the name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest UDP answer in bytes, whatever the client offers. Default 1232.
    pub max_udp_payload: u16,
    /// TCP connections at once over all listeners; more wait in the kernel's backlog. Default
    /// 1000.
    pub max_tcp_connections: usize,
    /// TCP connections of one client (an IPv4 address, or an IPv6 network of 64 bits); more are
    /// closed. Default 100.
    pub max_tcp_connections_per_client: usize,
    /// How long a TCP connection may be idle, or not take its answer; shorter when more than half
    /// of the connections are taken. Default 10 s.
    pub tcp_idle_timeout: Duration,
    /// Threads that answer over UDP on each address. Default: one for each core.
    pub udp_threads: usize,
    /// Threads that answer over TCP. Default: one for each core.
    pub tcp_threads: usize,
}

impl Limits {
    /// What only a restart can change.
    pub(crate) fn fixed(&self) -> Self {
        Limits {
            max_udp_payload: 0,
            ..self.clone()
        }
    }
}

impl Config {
    /// A zone with one name server and nothing else in it, and all else by default.
    pub fn new(node: NodeName, zone: &str) -> Self {
        Config {
            node,
            version: String::new(),
            listen: Vec::new(),
            zone: zone.to_owned(),
            soa: Soa {
                rname: format!("hostmaster.{zone}"),
                serial: 1,
                refresh: 3_600,
                retry: 600,
                expire: 604_800,
                negative_ttl: 60,
            },
            name_servers: vec![NameServer {
                name: format!("ns1.{zone}"),
                addresses: Vec::new(),
            }],
            services: Vec::new(),
            pops: Vec::new(),
            policies: Vec::new(),
            networks: Vec::new(),
            place: PlaceConfig::default(),
            view: ViewConfig::default(),
            nsid: false,
            query_log: QueryLogConfig::default(),
            load: LoadConfig::default(),
            measure: MeasureConfig::default(),
            limits: Limits::default(),
            contents: Contents::default(),
            dnssec: None,
            encrypted: Encrypted::default(),
            guard: GuardConfig::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_udp_payload: 1232,
            max_tcp_connections: 1_000,
            max_tcp_connections_per_client: 100,
            tcp_idle_timeout: Duration::from_secs(10),
            udp_threads: cores(),
            tcp_threads: cores(),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
