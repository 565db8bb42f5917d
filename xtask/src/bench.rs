//! The comparison with the servers that people would have assembled: work for each CPU second, latency,
//! memory, and what more of everything costs. See bench/README.md.

mod certificate;
mod check;
mod compare;
mod dns;
pub(crate) mod helpers;
mod latency;
mod loads;
mod machine;
mod memory;
mod peers;
mod report;
mod results;
mod rows;
mod scale;
mod servers;
mod usage;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Arc,
};

use clap::Args;

use certificate::Certificate;
use peers::Peer;
use results::Results;
use rows::ROWS;
use servers::{Server, Terms};

/// The host that everybody asks for.
pub(crate) const HOST: &str = "www.example.com";
/// The size of caches, in MiB. 64 MiB may be kept in an eighth of it.
const MEGABYTES: u64 = 2048;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rows, separated by commas: 1k 64k 1m 64m zipf miss 304 h2 tls1m hs range latency memory
    /// objects idle connections services cores dns. Default: all.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Servers beside Perigee, separated by commas: nginx haproxy varnish ats squid h2o floor. Default:
    /// all that are installed.
    #[arg(long, value_delimiter = ',')]
    peers: Option<Vec<String>>,
    /// Rounds of each row, in which the servers take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each turn.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Another binary of Perigee than the one that is built now. More than one: they are compared.
    #[arg(long)]
    binary: Vec<PathBuf>,
    /// Only looks: leaves bench/results.json, docs/performance.md and its plot as they are.
    #[arg(long)]
    dry: bool,
    /// Measures nothing, and writes the page anew.
    #[arg(long)]
    render: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut results = Results::load()?;
    if !options.render {
        measure(options, &mut results)?;
    }
    print!("{}", report::tables(&results));
    if options.dry {
        return Ok(());
    }
    results.store()?;
    report::write(&results)
}

fn measure(options: &Options, results: &mut Results) -> Result<(), String> {
    let peers = peers_of(options)?;
    let origin = Helper::start("origin")?;
    let terms = Terms {
        origin: origin.port,
        certificate: Arc::new(Certificate::new()?),
        cores: "0",
        megabytes: MEGABYTES,
        services: 0,
    };
    results.machine = machine::describe();
    for peer in &peers {
        results
            .versions
            .extend(peer.version().map(|version| (peer.name(), version)));
    }
    if options.has("memory") {
        say("memory: of an object of 1 KiB, over its body");
        results
            .rows
            .insert("memory".to_owned(), memory::measure(&peers, &terms));
    }
    if let (true, Some(Peer::Perigee(binary, _))) = (options.has("dns"), peers.first()) {
        say("dns: the name server beside its peers");
        dns::measure(binary, options.rounds, results)?;
    }
    for scale in scale::SCALES.iter().filter(|scale| options.has(scale.name)) {
        say(&format!("{}: {}", scale.name, scale.title));
        let pace = (options.rounds, options.seconds);
        scale.measure((&peers, &terms), pace, results);
    }
    if options.has("latency") || ROWS.iter().any(|row| options.has(row.key)) {
        let servers = start(&peers, &terms);
        side_by_side(options, &servers, origin.port, results);
    }
    Ok(())
}

/// The rows for which all servers run at once, and take turns.
fn side_by_side(options: &Options, servers: &[Server], origin: u16, results: &mut Results) {
    let rounds = compare::Rounds {
        rounds: options.rounds,
        seconds: options.seconds,
        origin,
    };
    for row in ROWS.iter().filter(|row| options.has(row.key)) {
        say(&format!("{}: {}", row.key, row.title));
        let measured = compare::measure(row, servers, &rounds);
        results.rows.insert(row.key.to_owned(), measured);
    }
    if options.has("latency") {
        say("latency: 1 KiB hit at 5,000 requests a second");
        let measured = latency::measure(servers, options.rounds, options.seconds);
        for ((key, _), measured) in latency::SHARES.into_iter().zip(measured) {
            results.rows.insert(format!("latency-{key}"), measured);
        }
    }
}

impl Options {
    /// Whether a row is to be measured.
    fn has(&self, key: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == key)
    }
}

/// Who takes part: says what is missing, and goes on without it.
fn peers_of(options: &Options) -> Result<Vec<Peer>, String> {
    for (program, package) in [
        ("wrk", "wrk"),
        ("h2load", "nghttp2-client"),
        ("taskset", "util-linux"),
    ] {
        if !machine::is_installed(program) {
            return Err(format!("{program} is needed: apt install {package}"));
        }
    }
    let binaries = match options.binary.is_empty() {
        true => vec![build()?],
        false => options.binary.clone(),
    };
    let ours = binaries.into_iter().enumerate();
    let mut peers: Vec<Peer> = ours
        .map(|(number, path)| Peer::Perigee(path, number))
        .collect();
    for peer in Peer::OTHERS {
        let name = peer.name().to_lowercase();
        if options
            .peers
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(&name))
        {
            continue;
        }
        match peer.needs() {
            Some((program, package)) if !machine::is_installed(program) => {
                say(&format!("without {}: apt install {package}", peer.name()));
            }
            _ => peers.push(peer),
        }
    }
    if !machine::is_installed("hitch") {
        say("without TLS in front of Varnish: apt install hitch");
    }
    Ok(peers)
}

/// The release build of what is checked out.
fn build() -> Result<PathBuf, String> {
    say("building Perigee");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", "perigee"])
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    if !built.success() {
        return Err("Perigee does not build".to_owned());
    }
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(here.with_file_name("perigee"))
}

fn start(peers: &[Peer], terms: &Terms) -> Vec<Server> {
    let mut servers = Vec::new();
    for peer in peers {
        match Server::start(peer, terms) {
            Ok(server) => servers.push(server),
            Err(why) => say(&format!("without {}: {why}", peer.name())),
        }
    }
    servers
}

/// A helper that listens. Dropped, it is ended.
struct Helper {
    child: Child,
    port: u16,
}

impl Helper {
    fn start(what: &str) -> Result<Helper, String> {
        let [port] = servers::ports()?;
        let mut command = myself()?;
        command.args(["helper", what, &port.to_string()]);
        let child = servers::on_cores(load_core(), &command).spawn();
        let child = child.map_err(|error| error.to_string())?;
        let helper = Helper { child, port };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(helper);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err(format!("{what} does not start"))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program.
fn myself() -> Result<Command, String> {
    std::env::current_exe()
        .map(Command::new)
        .map_err(|error| error.to_string())
}

/// Where load is made: the servers have the first core.
fn load_core() -> &'static str {
    match std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
        1 => "0",
        _ => "1",
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Progress, beside the tables on standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
