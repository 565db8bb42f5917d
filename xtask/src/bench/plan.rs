//! What a run does: rows, and who takes part in them.

use super::{
    Options, build,
    dns::SERVERS,
    machine::is_installed,
    peers::Peer,
    rows::{ROWS, Row},
    say,
    scale::{SCALES, Scale},
};

pub(super) const HELP: &str = "\
A look, which writes nothing:
  cargo xtask bench --rows 1k,miss --peers nginx,haproxy --rounds 3 --seconds 1 --dry
Two builds beside each other:
  cargo xtask bench --rows 1k --peers floor --binary old/perigee --binary new/perigee --dry
All that docs/performance.md has, in one run or in several: each row replaces what was known of it:
  cargo xtask bench --rounds 3 --seconds 1

The servers have the first core, who makes the load the second: leave both alone while it runs.
Rows are kept in bench/results.json as they end. bench/README.md tells what each one measures.";

/// What is measured in one go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Row(&'static Row),
    Latency,
    Memory,
    Scale(&'static Scale),
    Dns,
}

impl Part {
    /// In the order of a run.
    fn all() -> Vec<Part> {
        let rows = ROWS.iter().map(Part::Row);
        let scales = SCALES.iter().map(Part::Scale);
        rows.chain([Part::Latency, Part::Memory])
            .chain(scales)
            .chain([Part::Dns])
            .collect()
    }

    pub(super) fn key(&self) -> &'static str {
        match self {
            Part::Row(row) => row.key,
            Part::Latency => "latency",
            Part::Memory => "memory",
            Part::Scale(scale) => scale.name,
            Part::Dns => "dns",
        }
    }

    pub(super) fn title(&self) -> String {
        match self {
            Part::Row(row) => row.title.to_owned(),
            Part::Latency => "1 KiB hit at 5,000 requests a second".to_owned(),
            Part::Memory => "of an object of 1 KiB, over its body".to_owned(),
            Part::Scale(scale) => format!("{} and {} {}", scale.few, scale.many, scale.title),
            Part::Dns => "the name server beside its peers".to_owned(),
        }
    }

    /// Whether all servers run at once, and take turns.
    pub(super) fn is_side_by_side(&self) -> bool {
        matches!(self, Part::Row(_) | Part::Latency)
    }
}

/// What `--rows` knows.
pub(super) fn rows() -> Vec<&'static str> {
    Part::all().iter().map(Part::key).collect()
}

/// What is to be measured, in the order of a run.
pub(super) fn parts(options: &Options) -> Vec<Part> {
    let mut parts = Part::all();
    parts.retain(|part| options.rows.is_empty() || options.rows.iter().any(|r| r == part.key()));
    parts
}

/// What `--peers` knows.
pub(super) fn peers() -> Vec<&'static str> {
    let others = Peer::OTHERS.iter().map(Peer::key);
    others.chain(SERVERS.iter().map(|s| s.name)).collect()
}

/// Whether a peer is to be in it.
pub(super) fn wants(options: &Options, name: &str) -> bool {
    options.peers.is_empty() || options.peers.iter().any(|peer| peer == name)
}

/// Who takes part: says what is missing, and goes on without it.
pub(super) fn peers_of(options: &Options) -> Result<Vec<Peer>, String> {
    let parts = parts(options);
    let only_dns = parts.iter().all(|part| matches!(part, Part::Dns));
    tools(&[
        ("taskset", "util-linux"),
        ("setpriv", "util-linux"),
        ("wrk", "wrk"),
        ("h2load", "nghttp2-client"),
    ])?;
    let mut packages = Vec::new();
    let mut peers = Vec::new();
    for peer in Peer::OTHERS.into_iter().filter(|_| !only_dns) {
        match peer.needs() {
            _ if !wants(options, peer.key()) => {}
            Some((program, package)) if !is_installed(program) => packages.push(package),
            _ => peers.push(peer),
        }
    }
    if peers.contains(&Peer::Varnish) && !is_installed("hitch") {
        packages.push("hitch");
    }
    if parts.iter().any(|part| matches!(part, Part::Dns)) {
        let missing = SERVERS
            .iter()
            .filter(|s| wants(options, s.name) && !s.is_installed());
        packages.extend(missing.map(|server| server.packages));
        packages.extend((!is_installed("dnsperf")).then_some("dnsperf"));
    }
    if !packages.is_empty() {
        say(&format!(
            "for all peers: apt install {}",
            packages.join(" ")
        ));
    }
    let mut all = binaries(options)?;
    all.extend(peers);
    Ok(all)
}

fn tools(tools: &[(&str, &'static str)]) -> Result<(), String> {
    let missing = tools.iter().filter(|(program, _)| !is_installed(program));
    let mut packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    match packages.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "what makes load is missing: apt install {}",
            packages.join(" ")
        )),
    }
}

/// Perigee, in each build that is to be measured.
fn binaries(options: &Options) -> Result<Vec<Peer>, String> {
    let binaries = match options.binary.is_empty() {
        true => vec![build()?],
        false => options.binary.clone(),
    };
    let mut peers = Vec::new();
    for (number, path) in binaries.into_iter().enumerate() {
        let path = path
            .canonicalize()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        peers.push(Peer::Perigee(path, number));
    }
    Ok(peers)
}
