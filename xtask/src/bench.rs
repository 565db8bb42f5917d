//! The comparison with the servers that people would have assembled: work for each CPU second, latency,
//! memory, and what more of everything costs. See bench/README.md.

mod certificate;
mod check;
mod compare;
mod dns;
pub(crate) mod helpers;
mod interrupt;
mod latency;
mod loads;
mod machine;
mod memory;
mod pace;
mod peers;
mod plan;
mod report;
mod results;
mod rows;
mod scale;
mod servers;
mod usage;
mod watched;

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, builder::PossibleValuesParser};

use certificate::Certificate;
use pace::Pace;
use peers::Peer;
use plan::Part;
use results::Results;
use servers::{Server, Terms};

/// The host that everybody asks for.
pub(crate) const HOST: &str = "www.example.com";
/// The size of caches, in MiB. 64 MiB may be kept in an eighth of it.
const MEGABYTES: u64 = 2048;

/// Measures work for each CPU second of the server, beside the servers that people would have assembled,
/// latency, memory, what more objects, connections, services and cores cost, and the name server. Prints
/// tables, and writes them into docs/performance.md with a plot.
#[derive(Debug, Args)]
#[command(after_help = plan::HELP)]
pub(crate) struct Options {
    /// Rows, separated by commas. Default: all.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(plan::rows()))]
    rows: Vec<String>,
    /// Servers beside Perigee, separated by commas. Default: all that are installed.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(plan::peers()))]
    peers: Vec<String>,
    /// Rounds of each row, in which the servers take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Seconds of each turn.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=60))]
    seconds: u16,
    /// Seconds that a row may take. What it has by then counts, and the next one begins.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..))]
    row_limit: u64,
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
    if !options.dry {
        Results::may_be_stored()?;
    }
    let mut measured = Ok(());
    if !options.render {
        interrupt::watch()?;
        // Of a look only what it saw is told.
        if options.dry {
            results = Results::default();
        }
        measured = measure(options, &mut results);
    }
    if !results.rows.is_empty() {
        print!("{}", report::tables(&results));
    }
    measured?;
    match options.dry {
        true => Ok(()),
        false => report::write(&results),
    }
}

fn measure(options: &Options, results: &mut Results) -> Result<(), String> {
    let bench = Bench {
        peers: plan::peers_of(options)?,
        pace: Pace::new(
            usize::from(options.rounds),
            u64::from(options.seconds),
            Duration::from_secs(options.row_limit),
        ),
        origin: Helper::start("origin")?,
        options,
    };
    results.machine = machine::describe();
    for peer in &bench.peers {
        results
            .versions
            .extend(peer.version().map(|version| (peer.name(), version)));
    }
    let parts = plan::parts(options);
    let mut servers = None;
    let (mut took, mut failed) = (Vec::new(), Vec::new());
    for (number, part) in parts.iter().enumerate() {
        interrupt::check()?;
        let started = Instant::now();
        let (number, all, key) = (number + 1, parts.len(), part.key());
        say(&format!("[{number}/{all}] {key}: {}", part.title()));
        bench.pace.begin();
        let came = bench.measure(part, &mut servers, results);
        if let Err(why) = &came {
            say(&format!("  nothing came of it: {why}"));
        }
        if came.is_err() || bench.is_without_us(key, results) {
            failed.push(key);
        }
        // Half a row is none.
        interrupt::check()?;
        if !options.dry {
            results.store()?;
        }
        took.push(format!("{key} {} s", started.elapsed().as_secs()));
    }
    say(&format!("it took: {}", took.join(", ")));
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "Perigee has no figure in {}; --render writes the page of what there is",
            failed.join(", ")
        )),
    }
}

/// A run: who takes part, and how.
struct Bench<'a> {
    options: &'a Options,
    peers: Vec<Peer>,
    pace: Pace,
    origin: Helper,
}

impl Bench<'_> {
    fn terms(&self) -> Result<Terms, String> {
        Ok(Terms {
            origin: self.origin.port,
            certificate: Arc::new(Certificate::new()?),
            cores: "0",
            megabytes: MEGABYTES,
            prefault: MEGABYTES,
            services: 0,
        })
    }

    /// Whether Perigee, or the first of its builds, has failed in a row.
    fn is_without_us(&self, key: &str, results: &Results) -> bool {
        let ours = self.peers.first().map(Peer::name).unwrap_or_default();
        let row = results.rows.get(key);
        row.is_some_and(|row| !row.rounds.contains_key(&ours))
    }

    /// Measures one part. `servers` are those that take turns in one row after the other; for the rest they
    /// are ended.
    fn measure(
        &self,
        part: &Part,
        servers: &mut Option<Vec<Server>>,
        results: &mut Results,
    ) -> Result<(), String> {
        let (peers, pace) = (&self.peers, &self.pace);
        if !part.is_side_by_side() {
            *servers = None;
        } else if servers.is_none() {
            *servers = Some(start(peers, &self.terms()?)?);
        }
        let running = servers.as_deref().unwrap_or_default();
        match part {
            Part::Row(row) => {
                let measured = compare::measure(row, running, self.origin.port, pace);
                results.take(row.key, measured);
            }
            Part::Latency => {
                let keys = latency::SHARES.map(|(key, _)| format!("latency-{key}"));
                for (key, measured) in keys.iter().zip(latency::measure(running, pace)) {
                    results.take(key, measured);
                }
            }
            Part::Memory => results.take("memory", memory::measure(peers, &self.terms()?, pace)),
            Part::Scale(scale) => {
                let measured = scale.measure(peers, &self.terms()?, pace);
                for (amount, measured) in [scale.few, scale.many].into_iter().zip(measured) {
                    results.take(&scale.key(amount), measured);
                }
            }
            Part::Dns => {
                let Some(Peer::Perigee(binary, _)) = peers.first() else {
                    return Err("there is no Perigee".to_owned());
                };
                let wanted = |name: &str| plan::wants(self.options, name);
                dns::measure(binary, wanted, pace, results)?;
            }
        }
        Ok(())
    }
}

/// What is checked out, built as it is installed.
fn build() -> Result<PathBuf, String> {
    say("building Perigee");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args([
            "build",
            "--profile",
            "dist",
            "--quiet",
            "--package",
            "perigee",
        ])
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    if !built.success() {
        return Err("Perigee does not build".to_owned());
    }
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = here.parent().and_then(Path::parent);
    let target = target.ok_or_else(|| format!("{} is in no folder", here.display()))?;
    Ok(target.join("dist/perigee"))
}

/// All that start.
fn start(peers: &[Peer], terms: &Terms) -> Result<Vec<Server>, String> {
    let mut servers = Vec::new();
    for peer in peers {
        interrupt::check()?;
        match Server::start(peer, terms) {
            Ok(server) => servers.push(server),
            Err(why) => say(&format!("  without {}: {why}", peer.name())),
        }
    }
    Ok(servers)
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
        let mut command = servers::on_cores(load_core(), &command);
        let child = command.process_group(0).spawn();
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
