//! The tables, and docs/performance.md with them.

mod plot;

use std::{collections::BTreeSet, fs};

use super::{
    dns,
    latency::SHARES,
    results::{Measured, Results},
    rows::{ROWS, Unit},
    scale::SCALES,
};

const BEGIN: &str = "<!-- cargo xtask bench writes from here -->";
const END: &str = "<!-- to here -->";
/// In the order of columns.
const SERVERS: [&str; 9] = [
    "Perigee",
    "nginx",
    "HAProxy",
    "Varnish",
    "ATS",
    "Squid",
    "H2O",
    "floor",
    "Perigee 2",
];

/// Writes the tables into docs/performance.md, and the plot beside it.
pub(super) fn write(results: &Results) -> Result<(), String> {
    let path = super::root().join("docs/performance.md");
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or("docs/performance.md has no place for the tables")?;
    let text = format!("{before}{BEGIN}\n\n{}\n{END}{after}", tables(results));
    fs::write(&path, text).map_err(|error| error.to_string())?;
    let plot = super::root().join("docs/performance.svg");
    fs::write(plot, plot::draw(results)).map_err(|error| error.to_string())
}

/// All tables, as Markdown.
pub(super) fn tables(results: &Results) -> String {
    let mut text = head(results);
    text += &targets(results);
    text += &everybody(results);
    text += &latencies(results);
    text += &memory(results);
    text += &scales(results);
    text += &names(results);
    text
}

/// Date, machine and versions.
fn head(results: &Results) -> String {
    let dates: BTreeSet<&str> = results.rows.values().map(|row| row.date.as_str()).collect();
    let commits: BTreeSet<&str> = results
        .rows
        .values()
        .map(|row| row.commit.as_str())
        .collect();
    let list = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(", ");
    let loads = results.rows.values().map(|row| row.load);
    let (low, high) = loads.fold((f64::MAX, 0.0_f64), |(l, h), load| {
        (l.min(load), h.max(load))
    });
    let versions: Vec<String> = results
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    format!(
        "{}. {}. Perigee of commit {}, {}. While it ran, {low:.1} to {high:.1} threads wanted a core.\n\n",
        list(dates),
        results.machine,
        list(commits),
        versions.join(", "),
    )
}

/// What Perigee does, beside the best of the others, and what it is to reach.
fn targets(results: &Results) -> String {
    let mut text = String::from(
        "| work for each CPU second of the server | Perigee | best peer | ratio | reach | |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in &ROWS {
        let Some(measured) = results.rows.get(row.key) else {
            continue;
        };
        let (Some(ours), Some((name, best))) = (measured.median("Perigee"), measured.best_rival())
        else {
            continue;
        };
        let ratio = ours / best;
        let verdict = if ratio >= row.reach {
            "reached"
        } else {
            "**not reached**"
        };
        let unit = unit(row.unit);
        text += &format!(
            "| {} | {} {unit} | {name} {} | {ratio:.2} | {:.1} | {verdict} |\n",
            row.title,
            number(ours),
            number(best),
            row.reach,
        );
    }
    text + "\n![Perigee and its peers, as ratios to the best peer](performance.svg)\n\n"
}

/// Median and spread of all.
fn everybody(results: &Results) -> String {
    let rows = ROWS.iter().filter_map(|row| {
        let title = format!("{}, {}", row.title, unit(row.unit));
        Some((title, results.rows.get(row.key)?))
    });
    table(
        "Median of the rounds, and from the least to the most:",
        &rows.collect::<Vec<_>>(),
    )
}

/// What clients waited.
fn latencies(results: &Results) -> String {
    let rows = SHARES.into_iter().filter_map(|(key, title)| {
        let measured = results.rows.get(&format!("latency-{key}"))?;
        Some((format!("{title}, µs"), measured))
    });
    let title = "1 KiB hits over 64 connections at 5,000 requests a second, counted from when each was due:";
    table(title, &rows.collect::<Vec<_>>())
}

/// What an object takes.
fn memory(results: &Results) -> String {
    let Some(measured) = results.rows.get("memory") else {
        return String::new();
    };
    let title = "Memory (nginx: and blocks of its files) over the body of each of 100,000 objects of 1 KiB:";
    table(
        title,
        &[("bytes; to be reached: below 500".to_owned(), measured)],
    )
}

/// What more of everything costs: time for a request, and from one to two cores the throughput.
fn scales(results: &Results) -> String {
    let mut text = String::from(
        "\n| thousand requests for each CPU second | server | few | many | |\n|---|---|---|---|---|\n",
    );
    for scale in &SCALES {
        let few = results.rows.get(&scale.key(scale.few));
        let (Some(few), Some(many)) = (few, results.rows.get(&scale.key(scale.many))) else {
            continue;
        };
        let both = |name: &&&str| Some((few.median(name)?, many.median(name)?));
        for (name, (with_few, with_many)) in SERVERS.iter().filter_map(|n| Some((n, both(&n)?))) {
            let effect = match scale.name {
                "cores" => format!("{:.2} times the throughput", 2.0 * with_many / with_few),
                _ => format!(
                    "{:+.0} % time for a request",
                    100.0 * (with_few / with_many - 1.0)
                ),
            };
            text += &format!(
                "| {} to {} {} | {name} | {} | {} | {effect} |\n",
                scale.few,
                scale.many,
                scale.title,
                number(with_few),
                number(with_many),
            );
        }
    }
    text
}

/// The name server.
fn names(results: &Results) -> String {
    let rows = results.rows.iter();
    let rows: Vec<(&str, &Measured)> = rows
        .filter_map(|(key, m)| Some((key.strip_prefix(dns::PREFIX)?, m)))
        .collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text += "\n| thousand queries for each CPU second | |\n|---|---|\n";
    }
    for (title, measured) in rows {
        let servers = measured
            .rounds
            .keys()
            .map(|name| (name, cell(measured, name)));
        let cells: Vec<String> = servers
            .map(|(name, cell)| format!("{name} {cell}"))
            .collect();
        text += &format!("| {title} | {} |\n", cells.join("; "));
    }
    text
}

/// Medians and spreads of all servers that have any.
fn table(title: &str, rows: &[(String, &Measured)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let is_there = |name: &&&str| rows.iter().any(|(_, m)| m.rounds.contains_key(**name));
    let servers: Vec<&str> = SERVERS.iter().filter(is_there).copied().collect();
    let mut text = format!(
        "\n{title}\n\n| | {} |\n|---|{}\n",
        servers.join(" | "),
        "---|".repeat(servers.len()),
    );
    for (title, measured) in rows {
        let cells: Vec<String> = servers.iter().map(|name| cell(measured, name)).collect();
        text += &format!("| {title} | {} |\n", cells.join(" | "));
    }
    text
}

fn cell(measured: &Measured, name: &str) -> String {
    match (measured.median(name), measured.spread(name)) {
        (Some(median), Some((low, high))) if low == high => number(median),
        (Some(median), Some((low, high))) => {
            format!("{} ({} to {})", number(median), number(low), number(high))
        }
        _ => "-".to_owned(),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Requests => "k/s",
        Unit::Bytes => "GB/s",
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
