//! The command line: what can be asked of the binary, and what is told to who asks wrongly.

mod apply;
mod cache;
mod dnssec;
mod drain;
mod tier_certs;
mod values;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;

pub(crate) use apply::Apply;
pub(crate) use cache::{Cache, CacheCommand, CacheLs, CacheShow, CacheStats, OneNode, TierName};
pub(crate) use dnssec::{Dnssec, DnssecCommand};
pub(crate) use drain::Drain;
pub(crate) use tier_certs::TierCerts;
pub(crate) use values::{AccessLogTarget, Field, HttpUrl, LogLevel, Origin};

const EXAMPLES: &str = "\
Examples:
  perigee demo                                      a whole CDN on this machine, in seconds
  perigee demo --origin http://127.0.0.1:3000       the same CDN in front of your app
  perigee edge --origin http://127.0.0.1:3000       one caching reverse proxy, on 127.0.0.1:8080
  perigee edge --config cdn.toml --node fra-1       one node of a CDN that a file describes
  perigee check cdn.toml                            is the file right? where is it not?
  perigee purge http://www.example.com/a.css --config cdn.toml
  perigee status --config cdn.toml
  perigee drain fra-1 --config cdn.toml             before a node is started anew
  perigee apply cdn.toml                            one file for all nodes that register in etcd
  perigee explain http http://www.example.com/a.css --config cdn.toml
  perigee explain dns www.cdn.example --client 198.51.100.7
  perigee dnssec init --config cdn.toml             the keys of a signed zone
  perigee cache ls --node fra-1 --config cdn.toml

`perigee help COMMAND` tells more of each.";

const GEODNS_EXAMPLES: &str = "\
Examples:
  perigee check /etc/perigee/cdn.toml                            first: is the file right, and all it names?
  perigee geodns --config /etc/perigee/cdn.toml --node ns1
  perigee query www.cdn.example --server 192.0.2.53:53 --client 198.51.100.0/24
  perigee explain dns www.cdn.example --client 198.51.100.7 --config /etc/perigee/cdn.toml
  perigee dnssec init --config /etc/perigee/cdn.toml             to sign the zone

Ports below 1024 need root or CAP_NET_BIND_SERVICE.";

/// A CDN that one person can run: GeoDNS, caching edges and origin shields in one binary.
#[derive(Debug, Parser)]
#[command(name = "perigee", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// What is told on standard error, over what the configuration says.
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,

    /// The process ends when its standard input closes, and removes this folder then.
    #[arg(long, global = true, hide = true, value_name = "FOLDER", require_equals = true,
          num_args = 0..=1, default_missing_value = "")]
    pub(crate) exit_with_parent: Option<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts a whole CDN on this machine, with things to try.
    ///
    /// An origin, two shields, three regions of two edges each and the GeoDNS run as processes of
    /// their own, on loopback addresses of their own, so that each can be asked and killed. Ctrl-C
    /// ends them all.
    Demo(Demo),
    /// Runs an edge: a caching reverse proxy, alone or as a node of a CDN.
    ///
    /// Alone, say where the origin is. As a node of a CDN, say which file describes the CDN, and
    /// which of its nodes this is. SIGTERM lets what is under way finish; SIGHUP, or a changed
    /// file, reloads.
    Edge(Box<Edge>),
    /// Runs an origin shield, as a node of a CDN.
    Shield(Node),
    /// Runs a GeoDNS server, as a node of a CDN.
    ///
    /// It answers for the zone of `[dns]` over UDP and TCP, and where the file says so over TLS, HTTPS and QUIC, from
    /// the policies, records and health of the edges. A changed file (zone, tables, databases, keys and certificates too)
    /// is taken up by itself, or at SIGHUP; a broken one is refused, with an error in the log. SIGTERM stops it.
    #[command(after_help = GEODNS_EXAMPLES)]
    Geodns(Node),
    /// Says whether a cdn.toml is right, and points at what is not.
    ///
    /// Zone file, databases, tables and DNSSEC keys that it names are read too, if they are on this machine;
    /// what is not here, or of no use, is a note.
    ///
    /// Exits with 0 if all is right, with 1 if it is not.
    Check(Check),
    /// Makes a cdn.toml what all nodes run: validates it, publishes it, and waits until they do.
    ///
    /// For a CDN whose nodes register in etcd (`[membership]`). All of it is published as one version, or
    /// nothing. Exits with 0 if every registered node runs it, with 1 if it is refused or a node does
    /// not follow.
    Apply(Apply),
    /// Prints the JSON Schema of cdn.toml, for editors.
    Schema,
    /// Removes what is stored from every edge and shield, and says which acknowledged.
    ///
    /// By URL, prefix, host, tag or group, or everything; with --soft it becomes stale instead, and is
    /// served while it is validated, or when that fails.
    ///
    /// Goes to the shields first and then to the edges, so that no edge refills from a shield that
    /// still has the old content. Exits with 0 only if all have acknowledged. `removed` counts URLs, and
    /// is `-` where nobody knows: all but purges by URL are found as they are looked up.
    ///
    /// An edge that runs without a file is purged with `perigee cache purge --node ADDR:PORT`.
    Purge(Purge),
    /// Shows every node of a CDN as a table.
    ///
    /// Then, where name servers run, what each PoP is given: its edges that can serve, load, DNS answers a second
    /// over all name servers, the share of its clients that it gives away for its load, and why.
    ///
    /// Exits with 0 if all nodes are up, with 1 if one is not.
    Status(Status),
    /// Takes a node out of the CDN without losing a request, and stops it.
    ///
    /// The node tells the GeoDNS, its peers and the edges that it leaves, and goes on serving until
    /// nobody has its address any more (`grace` of `[shutdown]`: by itself, the longest TTL of a service and
    /// until all have noticed). Then it lets nobody in, finishes what is under way, and stops. How far it is
    /// is told until it is gone. SIGTERM does the same.
    ///
    /// Exits with 0 once it has stopped, or takes nothing new with --keep-running.
    Drain(Drain),
    /// Makes the certificates by which nodes know each other (`trust = "mtls"` of `[tier]`).
    ///
    /// An authority of the CDN's own, good for ten years, and for each node a certificate that names
    /// it, good for a year. Where the authority is there already, it makes new certificates for the
    /// nodes: that is how they are renewed.
    TierCerts(TierCerts),
    /// Makes, shows and rolls the keys that the zone is signed with (`[dns.dnssec]`).
    Dnssec(Dnssec),
    /// Says what would become of a request, and why.
    Explain(Explain),
    /// Lists what is stored on a node, shows it, and says how the store does.
    Cache(Cache),
    /// Asks a name server as a client of any network would.
    ///
    /// A small dig that can say which network the question comes from (EDNS Client Subnet,
    /// RFC 7871). `perigee explain dns` tells why this is the answer; for DNSSEC, cookies and encrypted
    /// transports take kdig, dig or delv.
    Query(Query),
    /// Serves a folder, or the sample site of the demo, as an origin to try things with.
    ///
    /// It counts the requests that reach it, for its admin API.
    Origin(OriginServer),
}

/// Options of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee demo                        with the sample site
  perigee demo ./public               with a folder of yours
  perigee demo --origin http://127.0.0.1:3000
  perigee demo --tour                 walks through it by itself, and checks what it shows")]
pub(crate) struct Demo {
    /// Serve this folder instead of the sample site.
    #[arg(value_name = "FOLDER", conflicts_with = "origin")]
    pub(crate) folder: Option<PathBuf>,
    /// Put the CDN in front of this running app instead.
    #[arg(long, value_name = "URL", value_parser = values::parse_origin_url)]
    pub(crate) origin: Option<http::Uri>,
    /// Take the steps, tell what was asked and what came back, and stop. Exits with 0 only if
    /// each showed what it says.
    #[arg(long, conflicts_with_all = ["folder", "origin"])]
    pub(crate) tour: bool,
    /// The port of the GeoDNS on 127.0.0.1.
    #[arg(long, value_name = "PORT", default_value_t = 5300, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) dns_port: u16,
    /// The port of the edges, shields and the origin, each on an address of its own.
    #[arg(long, value_name = "PORT", default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The port of their admin APIs.
    #[arg(long, value_name = "PORT", default_value_t = 9090, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) admin_port: u16,
    /// Use ports of 127.0.0.1, as where only that address is local.
    #[arg(long, hide = true)]
    pub(crate) one_address: bool,
}

/// Options of `edge`.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["config", "origin"]),
    after_help = "\
Examples:
  perigee edge --origin http://127.0.0.1:3000
  perigee edge --origin ./public --listen 0.0.0.0:8080 --memory 1GiB
  perigee edge --origin http://127.0.0.1:3000 --disk /var/cache/perigee --disk-size 100GiB
  perigee edge --origin http://127.0.0.1:3000 \\
      --tls-listen 0.0.0.0:8443 --cert fullchain.pem --key privkey.pem
  perigee edge --config /etc/perigee/cdn.toml --node fra-1"
)]
pub(crate) struct Edge {
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", requires = "node",
          conflicts_with_all = ["origin", "listen", "memory", "disk", "tls_listen", "admin", "access_log"])]
    pub(crate) config: Option<PathBuf>,
    /// Which of its nodes this is.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) node: Option<String>,
    /// Where content comes from: an http:// or https:// URL (the port may be left out), or a folder.
    #[arg(long, value_name = "URL|FOLDER")]
    pub(crate) origin: Option<Origin>,
    /// Cleartext addresses to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address)]
    pub(crate) listen: Vec<SocketAddr>,
    /// Memory for what is cached [default: 256MiB, or half of what there is if that is less]
    #[arg(long, value_name = "SIZE", value_parser = perigee_config::value::memory_size)]
    pub(crate) memory: Option<u64>,
    /// A folder for what does not fit into memory, and for what is to survive a restart; it is made if
    /// it is not there. One process at a time.
    #[arg(long, value_name = "DIR")]
    pub(crate) disk: Option<PathBuf>,
    /// How many bytes to keep in that folder, which must have as much room [default: 10GiB]
    #[arg(long, value_name = "SIZE", value_parser = perigee_config::value::disk_size, requires = "disk")]
    pub(crate) disk_size: Option<u64>,
    /// TLS addresses to listen on, besides.
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address, requires_all = ["cert", "key"])]
    pub(crate) tls_listen: Vec<SocketAddr>,
    /// The certificate chain, as a PEM file, leaf first.
    #[arg(long, value_name = "FILE", requires_all = ["key", "tls_listen"])]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, as a PEM file.
    #[arg(long, value_name = "FILE", requires_all = ["cert", "tls_listen"])]
    pub(crate) key: Option<PathBuf>,
    /// Serve the admin API here, which `perigee cache` asks to list and to purge; a loopback address, for
    /// it asks for no token.
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address)]
    pub(crate) admin: Option<SocketAddr>,
    /// Where the access log goes, as JSON lines [default: stdout]
    #[arg(long, value_name = "stdout|stderr|off|PATH")]
    pub(crate) access_log: Option<AccessLogTarget>,
}

/// Options of `shield` and `geodns`.
#[derive(Debug, Args)]
pub(crate) struct Node {
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Which of its nodes this is.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: String,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file.
    #[arg(value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) file: PathBuf,
}

/// Options of `purge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee purge http://www.example.com/style.css --config cdn.toml
  perigee purge --prefix http://www.example.com/img/
  perigee purge --host www.example.com --soft
  perigee purge --tag article-17 --tag home
  perigee purge --tag home --host www.example.com
  perigee purge --group news --host www.example.com
  perigee purge --all --yes")]
pub(crate) struct Purge {
    #[command(flatten)]
    pub(crate) what: PurgeWhat,
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
}

/// What is purged, and how.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("what").args(["urls", "prefix", "tag", "group", "all"]),
    group = clap::ArgGroup::new("any").required(true).multiple(true)
        .args(["urls", "prefix", "host", "tag", "group", "all"]),
)]
pub(crate) struct PurgeWhat {
    /// What to remove, all variants of it; http or https makes no difference. May be several.
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<HttpUrl>,
    /// Remove all URLs that begin so; http or https makes no difference. May be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) prefix: Vec<HttpUrl>,
    /// Remove all of this host, on all its ports or on the one that is named; with --tag, what has
    /// the tag there; with --group, the host whose group it is.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = values::parse_purged_host, conflicts_with_all = ["urls", "prefix", "all"])]
    pub(crate) host: Option<String>,
    /// Remove all with this tag (Surrogate-Key, Cache-Tag); may be given several times.
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Remove all in this group of the host (Cache-Groups, RFC 9875); the host with its port, if that is
    /// not the default one.
    #[arg(long, value_name = "NAME", requires = "host")]
    pub(crate) group: Option<String>,
    /// Remove everything, of all hosts.
    #[arg(long, requires = "yes")]
    pub(crate) all: bool,
    /// With --all: yes, everything.
    #[arg(long, requires = "all")]
    pub(crate) yes: bool,
    /// Make it stale: it may be served while it is validated, or when that fails.
    #[arg(long)]
    pub(crate) soft: bool,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
    /// How long the nodes take to answer each other's probes, in milliseconds: who asks on the left.
    #[arg(long)]
    pub(crate) latency: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(subcommand)]
    pub(crate) what: Explained,
}

/// What is explained.
#[derive(Debug, Subcommand)]
pub(crate) enum Explained {
    /// Says what each edge and shield would do with an HTTP request, and why.
    ///
    /// First what the file says, whether nodes run or not: which service and policy, which cache
    /// key, which edge of each PoP owns it and who stands in, which shield, which origin. Then what
    /// each running node has stored, and what it would do: hit, stale-while-revalidate, revalidate,
    /// miss, pass or refuse; with the reason and the section of the RFC. Nothing is fetched.
    ///
    /// Exits with 0 if all nodes that were asked have answered, with 1 if one has not.
    Http(ExplainHttp),
    /// Says which addresses each name server answers a client, and why.
    ///
    /// What was looked up of the client, and the prefix for which it holds; the PoPs in the order of the
    /// service's policy, with distance, latency, health, load and weight; what is answered, for how many
    /// others that holds (the scope of RFC 7871), and the reason.
    ///
    /// Exits with 0 if all name servers that were asked have answered, with 1 if one has not.
    Dns(ExplainDns),
}

/// Options of `explain dns`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee explain dns www.cdn.example --client 198.51.100.7
  perigee explain dns www.cdn.example --client 2001:db8:7::/48 --node ns1 --json
  perigee explain dns www.cdn.example                           a client that withholds itself")]
pub(crate) struct ExplainDns {
    /// The name to ask for.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The client: 198.51.100.7, or a network as EDNS Client Subnet tells it. Without one, of the
    /// client nothing is known.
    #[arg(long, value_name = "PREFIX", value_parser = values::parse_prefix, default_value = "0.0.0.0/0")]
    pub(crate) client: IpNet,
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
    /// Ask this name server alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `explain http`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee explain http http://www.example.com/style.css --config cdn.toml
  perigee explain http https://www.example.com/ -H 'Accept-Language: de' -H 'Range: bytes=0-99'
  perigee explain http http://www.example.com/form -X POST --node fra-1 --json")]
pub(crate) struct ExplainHttp {
    /// What is asked for, its port included if it is not the default one.
    #[arg(value_name = "URL")]
    pub(crate) url: HttpUrl,
    /// A field of the request; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<Field>,
    /// The method, in capitals as it is sent.
    #[arg(
        short = 'X',
        long = "method",
        value_name = "METHOD",
        default_value = "GET"
    )]
    pub(crate) method: http::Method,
    /// The file that describes the CDN.
    #[arg(long, value_name = "FILE", default_value = "cdn.toml")]
    pub(crate) config: PathBuf,
    /// Ask this edge or shield alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `query`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  perigee query www.cdn.test --client 130.161.0.0/16      as a client in Delft
  perigee query www.cdn.test --type AAAA --tcp
  perigee query www.cdn.example --server 192.0.2.53:53    not the one of `perigee demo`")]
pub(crate) struct Query {
    /// The name to ask for.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The type of record: A, AAAA, SOA, NS …
    #[arg(
        long = "type",
        value_name = "TYPE",
        default_value = "A",
        ignore_case = true
    )]
    pub(crate) record_type: String,
    /// The name server; by default that of `perigee demo`.
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address, default_value = "127.0.0.1:5300")]
    pub(crate) server: SocketAddr,
    /// The network the question comes from: 130.161.0.0/16, or one address.
    #[arg(long, value_name = "PREFIX", value_parser = values::parse_prefix)]
    pub(crate) client: Option<IpNet>,
    /// Ask over TCP.
    #[arg(long)]
    pub(crate) tcp: bool,
}

/// Options of `origin`.
#[derive(Debug, Args)]
pub(crate) struct OriginServer {
    /// The folder to serve; the sample site if none is named.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// Serve the admin API here; a loopback address, for it asks for no token.
    #[arg(long, value_name = "ADDR:PORT", value_parser = perigee_config::value::address)]
    pub(crate) admin: Option<SocketAddr>,
}

#[cfg(test)]
mod tests;
