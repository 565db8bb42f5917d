//! The name server beside its peers: bench/dns has its own harness, of which this reads what it prints.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    machine,
    pace::Pace,
    results::{Measured, Results},
    servers::on_cores,
    watched::Watched,
};

/// What the keys of these rows begin with; the title follows.
pub(super) const PREFIX: &str = "dns: ";
/// The 99th percentile at 5,000 queries a second, in microseconds; and resident memory in the end, in MB.
pub(super) const P99: &str = "dns-p99";
pub(super) const RESIDENT: &str = "dns-resident";

/// A name server beside Perigee's.
#[derive(Debug)]
pub(super) struct NameServer {
    /// As bench/dns and the options have it.
    pub(super) name: &'static str,
    program: &'static str,
    pub(super) packages: &'static str,
    version: &'static str,
}

const fn server(
    name: &'static str,
    program: &'static str,
    packages: &'static str,
    version: &'static str,
) -> NameServer {
    NameServer {
        name,
        program,
        packages,
        version,
    }
}

pub(super) const SERVERS: [NameServer; 5] = [
    server("knot", "knotd", "knot knot-module-geoip", "-V"),
    server("gdnsd", "gdnsd", "gdnsd", "version"),
    server(
        "powerdns",
        "pdns_server",
        "pdns-server pdns-backend-geoip",
        "--version",
    ),
    server("nsd", "nsd", "nsd", "-v"),
    server("bind", "named", "bind9 bind9-utils", "-v"),
];

impl NameServer {
    pub(super) fn is_installed(&self) -> bool {
        machine::is_installed(self.program)
    }
}

/// Runs it, beside those that are there and wanted.
pub(super) fn measure(
    binary: &Path,
    wanted: impl Fn(&str) -> bool,
    pace: &Pace,
    results: &mut Results,
) -> Result<(), String> {
    for (program, package) in [("python3", "python3"), ("dnsperf", "dnsperf")] {
        if !machine::is_installed(program) {
            return Err(format!("it needs {program}: apt install {package}"));
        }
    }
    let mut names = vec![
        "perigee",
        "perigee, counting",
        "perigee, signed",
        "perigee, City mapped",
    ];
    let all = ["", ", pre-signed", ", online"];
    let there = SERVERS
        .iter()
        .filter(|s| wanted(s.name) && s.is_installed());
    let mut others = Vec::new();
    for server in there {
        others.extend(all.map(|kind| format!("{}{kind}", server.name)));
        let version = machine::version(server.program, server.version);
        results
            .versions
            .extend(version.map(|version| (title(server.name).to_owned(), version)));
    }
    names.extend(others.iter().map(String::as_str));
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new("python3");
    command
        .arg("-u")
        .arg(super::root().join("bench/dns/bench.py"));
    command.arg("--folder").arg(folder.path());
    command.args(["--rounds", &pace.rounds.to_string()]);
    command.args(["--seconds", &(pace.seconds as f64 * SHARE).to_string()]);
    command
        .arg("--binary")
        .arg(format!("perigee={}", binary.display()));
    command.args(["--server-core", "0", "--client-core", super::load_core()]);
    command.args(["--servers", &names.join(";")]);
    run(&command, pace, results)
}

/// Seconds of a round are short, since there are many.
const SHARE: f64 = 0.8;

fn run(command: &Command, pace: &Pace, results: &mut Results) -> Result<(), String> {
    let mut command = on_cores(super::load_core(), command);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut watched = Watched::start(&mut command, pace.left())?;
    let (_, out, _) = watched.pipes();
    let (mut part, mut seen) = (String::new(), BTreeMap::new());
    for line in out.into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.map_err(|error| error.to_string())?;
        super::say(&format!("  {line}"));
        match line.strip_prefix("  ") {
            Some(row) => read(&part, row, &mut seen, results),
            None => part = line.split(" (load").next().unwrap_or_default().to_owned(),
        }
    }
    watched.wait()
}

/// As it is written.
pub(super) fn title(name: &str) -> &str {
    match name {
        "perigee" => "Perigee",
        "knot" => "Knot",
        "powerdns" => "PowerDNS",
        "nsd" => "NSD",
        "bind" => "BIND",
        name => name,
    }
}

/// One line below the title of its part. What this run has seen of a row replaces what was known of it.
fn read(part: &str, row: &str, seen: &mut BTreeMap<String, Measured>, results: &mut Results) {
    let read = match part {
        _ if part.starts_with("latency") => latency(row).map(|(name, v)| (P99.to_owned(), name, v)),
        _ if part.starts_with("resident") => {
            let after = last(row, 4);
            after.map(|(name, v)| (RESIDENT.to_owned(), name, vec![v[2] + v[3]]))
        }
        _ => rate(row).map(|(name, v)| (format!("{PREFIX}{part}"), name, v)),
    };
    let Some((key, name, values)) = read else {
        return;
    };
    let new = || Measured::new(SHARE);
    let measured = seen.entry(key.clone()).or_insert_with(new);
    measured.rounds.insert(name, values);
    measured.load = machine::load();
    results.rows.insert(key, measured.clone());
}

/// `perigee   236.1 k/CPU-s  (220.0 to 240.2) ...`: name, least, most and median.
fn rate(row: &str) -> Option<(String, Vec<f64>)> {
    let (start, rest) = row.split_once(" k/CPU-s")?;
    spread(start, rest)
}

/// `perigee   53   424  (401 to 502)`: name, and least, most and median of the 99th percentile.
fn latency(row: &str) -> Option<(String, Vec<f64>)> {
    let (start, rest) = row.split_once("  (")?;
    let (name, values) = spread(start, rest)?;
    // The median of all goes before.
    let (name, _) = name.rsplit_once(' ')?;
    Some((name.trim().to_owned(), values))
}

/// What stands before and behind `(`: a name and the median, the least and the most.
fn spread(start: &str, rest: &str) -> Option<(String, Vec<f64>)> {
    let (name, median) = start.trim().rsplit_once(' ')?;
    let words = rest.trim().split([' ', '(', ')']);
    let spread = words.filter_map(|word| word.parse::<f64>().ok()).take(2);
    let values = spread.chain(median.parse()).collect();
    Some((name.trim().to_owned(), values))
}

/// `perigee   16.0   8.0   16.5   8.1`: name, and the numbers behind it.
fn last(row: &str, count: usize) -> Option<(String, Vec<f64>)> {
    let mut words: Vec<&str> = row.split_whitespace().collect();
    let values = words.split_off(words.len().checked_sub(count)?);
    let numbers: Result<Vec<f64>, _> = values.into_iter().map(str::parse).collect();
    Some((words.join(" "), numbers.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_harness_is_read() {
        let (mut results, mut seen) = (Results::default(), BTreeMap::new());
        // Of an earlier run.
        let mut old = Measured::default();
        old.push("gone", 1.0);
        results.rows.insert("dns: geo A, no ECS".to_owned(), old);
        let row =
            "perigee, counting      236.1 k/CPU-s  (220.0 to 240.2)  user 1900 ns  kernel 2300 ns";
        read("geo A, no ECS", row, &mut seen, &mut results);
        let (latency, memory) = ("latency at 5,000 in us", "resident memory in MB");
        read(
            latency,
            "knot, online             53     6632  (5000 to 7001)",
            &mut seen,
            &mut results,
        );
        read(
            memory,
            "knot, online    1.0     8.0    16.5     8.0",
            &mut seen,
            &mut results,
        );
        read(memory, "nothing of that kind", &mut seen, &mut results);
        let measured = &results.rows["dns: geo A, no ECS"];
        assert_eq!(results.rows.len(), 3);
        assert!(measured.median("gone").is_none() && !measured.commit.is_empty());
        assert_eq!(results.rows[P99].median("knot, online"), Some(6632.0));
        assert_eq!(
            results.rows[P99].spread("knot, online"),
            Some((5000.0, 7001.0))
        );
        assert_eq!(results.rows[RESIDENT].median("knot, online"), Some(24.5));
        assert_eq!(measured.median("perigee, counting"), Some(236.1));
        assert_eq!(measured.spread("perigee, counting"), Some((220.0, 240.2)));
    }
}
