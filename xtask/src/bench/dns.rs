//! The name server beside its peers: bench/dns has its own harness, of which this reads what it prints.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::results::{Measured, Results};

/// What the keys of these rows begin with; the title follows.
pub(super) const PREFIX: &str = "dns: ";

/// Runs it. Without Python, or dnsperf, there are no rows.
pub(super) fn measure(binary: &Path, rounds: usize, results: &mut Results) -> Result<(), String> {
    for (program, package) in [("python3", "python3"), ("dnsperf", "dnsperf")] {
        if !super::machine::is_installed(program) {
            super::say(&format!("without DNS: apt install {package}"));
            return Ok(());
        }
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new("python3");
    command.arg(super::root().join("bench/dns/bench.py"));
    command.arg("--folder").arg(folder.path());
    command.args(["--rounds", &rounds.to_string()]);
    command
        .arg("--binary")
        .arg(format!("perigee={}", binary.display()));
    command.args(["--server-core", "0", "--client-core", super::load_core()]);
    let missing = missing();
    if !missing.is_empty() {
        super::say(&format!("without {}", missing.join(", ")));
        command.args(["--servers", &present(&missing)]);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut title = String::new();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).lines())
    {
        let line = line.map_err(|error| error.to_string())?;
        super::say(&line);
        match line.strip_prefix("  ") {
            Some(row) => read(&title, row, results),
            None => title = line.split(" (load").next().unwrap_or_default().to_owned(),
        }
    }
    let ended = child.wait().map_err(|error| error.to_string())?;
    match ended.success() {
        true => Ok(()),
        false => Err("bench/dns/bench.py failed".to_owned()),
    }
}

/// `perigee   236.1 k/CPU-s  (220.0 to 240.2) ...`, under the title of its row.
fn read(title: &str, row: &str, results: &mut Results) {
    let Some((start, rest)) = row.split_once(" k/CPU-s") else {
        return;
    };
    let Some((name, median)) = start.trim().rsplit_once(' ') else {
        return;
    };
    let words = rest.trim().split([' ', '(', ')']);
    let spread = words.filter_map(|word| word.parse::<f64>().ok()).take(2);
    let new = || Measured::new(0.8);
    let measured = results
        .rows
        .entry(format!("{PREFIX}{title}"))
        .or_insert_with(new);
    let values = spread.chain(median.parse()).collect();
    measured.rounds.insert(name.trim().to_owned(), values);
    measured.load = super::machine::load();
}

/// Which servers are not there: their names in bench/dns, and their packages.
const SERVERS: [(&str, &str, &str); 5] = [
    ("gdnsd", "gdnsd", "gdnsd"),
    ("nsd", "nsd", "nsd"),
    (
        "knot",
        "knotd",
        "knot knot-module-geoip knot-module-onlinesign",
    ),
    ("bind", "named", "bind9 bind9-utils"),
    ("powerdns", "pdns_server", "pdns-server pdns-backend-geoip"),
];

fn missing() -> Vec<&'static str> {
    let is_missing = |(_, program, _): &&(_, &str, _)| !super::machine::is_installed(program);
    SERVERS
        .iter()
        .filter(is_missing)
        .map(|(_, _, package)| *package)
        .collect()
}

fn present(missing: &[&str]) -> String {
    let mut names = vec![
        "perigee",
        "perigee, counting",
        "perigee, signed",
        "perigee, City mapped",
    ];
    for (name, _, package) in SERVERS {
        if !missing.contains(&package) {
            names.push(name);
        }
    }
    names.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_harness_is_read() {
        let mut results = Results::default();
        let row =
            "perigee, counting      236.1 k/CPU-s  (220.0 to 240.2)  user 1900 ns  kernel 2300 ns";
        read("geo A, no ECS", row, &mut results);
        read(
            "geo A, no ECS",
            "resident: nothing of that kind",
            &mut results,
        );
        let measured = &results.rows["dns: geo A, no ECS"];
        assert_eq!(measured.rounds.len(), 1);
        assert_eq!(measured.median("perigee, counting"), Some(236.1));
        assert_eq!(measured.spread("perigee, counting"), Some((220.0, 240.2)));
    }
}
