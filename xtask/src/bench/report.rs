//! The tables, and docs/performance.md with them.

mod growth;
mod names;
mod plot;

use std::{collections::BTreeSet, fs};

use super::{
    latency::SHARES,
    peers::Peer,
    results::{Measured, Results},
    rows::{ROWS, Unit},
};

const BEGIN: &str = "<!-- cargo xtask bench writes from here -->";
/// Bytes of memory of an object of 1 KiB over its body.
const MOST_OVER_BODY: f64 = 500.0;
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
    text += &growth::scales(results);
    text += &names::names(results);
    text += &missing(results);
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
    let versions: String = results
        .versions
        .iter()
        .map(|(name, version)| format!(", {name} {version}"))
        .collect();
    format!(
        "{}. {}. Perigee of commit {}{versions}. While it ran, {low:.1} to {high:.1} threads wanted a core.\n\n",
        list(dates),
        results.machine,
        list(commits),
    )
}

/// What Perigee does, beside the best of the others, and what it is to reach.
fn targets(results: &Results) -> String {
    let mut text = String::new();
    for row in &ROWS {
        let Some(measured) = results.rows.get(row.key) else {
            continue;
        };
        let (Some(ours), Some((name, best))) = (measured.median("Perigee"), measured.best_rival())
        else {
            continue;
        };
        let ratio = ours / best;
        let verdict = row.reach.map_or("", |reach| verdict(ratio >= reach));
        let reach = row
            .reach
            .map_or(String::new(), |reach| format!("{reach:.1}"));
        let unit = unit(row.unit);
        text += &format!(
            "| {} | {} {unit} | {name} {} | {ratio:.2} | {reach} | {verdict} |\n",
            row.title,
            number(ours),
            number(best),
        );
    }
    text += &memory_target(results);
    match text.is_empty() {
        true => text,
        false => format!(
            "| work for each CPU second of the server | Perigee | best peer | ratio | reach | |\n\
             |---|---|---|---|---|---|\n{text}\n\
             ![Perigee and its peers, as ratios to the best peer](performance.svg)\n"
        ),
    }
}

/// The memory of an object has a bound of its own.
fn memory_target(results: &Results) -> String {
    let Some(measured) = results.rows.get("memory") else {
        return String::new();
    };
    let rivals = measured.rounds.keys().filter(|name| Peer::is_rival(name));
    let least = rivals
        .filter_map(|name| Some((name, measured.median(name)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let (Some(ours), Some((name, least))) = (measured.median("Perigee"), least) else {
        return String::new();
    };
    let verdict = verdict(ours < MOST_OVER_BODY);
    format!(
        "| memory over the body, per object of 1 KiB | {ours:.0} B | {name} {least:.0} | {:.2} | \
         below {MOST_OVER_BODY:.0} B | {verdict} |\n",
        least / ours,
    )
}

fn verdict(is_reached: bool) -> &'static str {
    match is_reached {
        true => "reached",
        false => "**not reached**",
    }
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

/// Why servers lack in a row that they should be in.
fn missing(results: &Results) -> String {
    let reasons = results.rows.iter().flat_map(|(key, measured)| {
        let row = ROWS.iter().find(|row| row.key == key);
        let title = row.map_or(key.as_str(), |row| row.title);
        measured.missing.iter().map(move |(name, why)| {
            let why = why.lines().next().unwrap_or_default();
            format!("- {name}, {title}: {why}\n")
        })
    });
    let list: String = reasons.collect();
    match list.is_empty() {
        true => list,
        false => format!("\nNot in their row:\n\n{list}"),
    }
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
