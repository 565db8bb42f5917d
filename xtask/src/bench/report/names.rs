//! The name server beside its peers.

use std::collections::BTreeSet;

use super::{
    super::{
        dns::{P99, PREFIX, RESIDENT, SERVERS, title},
        results::{Measured, Results},
    },
    cell, number, verdict,
};

/// Title, which of ours, beside whom, and how many times what that one does.
const TARGETS: [(&str, &str, &str, f64); 7] = [
    ("geo A, no ECS", "perigee", "gdnsd", 0.95),
    ("geo A, ECS over 20,000 subnets", "perigee", "gdnsd", 0.95),
    ("NXDOMAIN", "perigee", "gdnsd", 0.95),
    ("TCP, kept connections, ECS", "perigee", "gdnsd", 2.0),
    (
        "geo A signed, DO=1, ECS",
        "perigee, signed",
        "knot, pre-signed",
        0.9,
    ),
    (
        "every answer new: names that are not there, DO=1",
        "perigee, signed",
        "knot, online",
        2.0,
    ),
    (
        "every answer new: names of a wildcard, DO=1",
        "perigee, signed",
        "knot, online",
        2.0,
    ),
];
/// Megabytes of memory with a City database mapped.
const MOST_RESIDENT: f64 = 50.0;
const MAPPED: &str = "perigee, City mapped";

/// What it is to reach, and what everybody does.
pub(super) fn names(results: &Results) -> String {
    let mut text = targets(results);
    if !text.is_empty() {
        text = format!(
            "\n| name server, thousand queries for each CPU second | Perigee | beside | ratio | reach | |\n\
             |---|---|---|---|---|---|\n{text}"
        );
    }
    text + &everybody(results)
}

fn targets(results: &Results) -> String {
    let mut text = String::new();
    for (row, ours, theirs, reach) in TARGETS {
        let measured = results.rows.get(&format!("{PREFIX}{row}"));
        let value = |name| measured.and_then(|m| m.median(name));
        if let (Some(ours), Some(best)) = (value(ours), value(theirs)) {
            let ratio = ours / best;
            text += &format!(
                "| {row} | {} | {} {} | {ratio:.2} | {reach} | {} |\n",
                number(ours),
                shown(theirs),
                number(best),
                verdict(ratio >= reach),
            );
        }
    }
    if let Some(p99) = results.rows.get(P99)
        && let (Some(ours), Some(theirs)) = (p99.median("perigee"), p99.median("gdnsd"))
    {
        text += &format!(
            "| p99 at 5,000 queries a second | {} µs | gdnsd {} | {:.2} | 1.0 | {} |\n",
            number(ours),
            number(theirs),
            theirs / ours,
            verdict(ours <= theirs),
        );
    }
    let resident = results.rows.get(RESIDENT);
    if let Some(ours) = resident.and_then(|m| m.median(MAPPED)) {
        text += &format!(
            "| resident memory, City database mapped, at the end | {ours:.0} MB | | | below {MOST_RESIDENT} MB | {} |\n",
            verdict(ours < MOST_RESIDENT),
        );
    }
    text
}

/// `knot, online` as `Knot, online`.
fn shown(name: &str) -> String {
    match name.split_once(", ") {
        Some((server, kind)) => format!("{}, {kind}", title(server)),
        None => title(name).to_owned(),
    }
}

/// A column for each server: those of one kind of row may be more than one of it.
fn everybody(results: &Results) -> String {
    let rows = results.rows.iter();
    let rows: Vec<(&str, &Measured)> = rows
        .filter_map(|(key, m)| Some((key.strip_prefix(PREFIX)?, m)))
        .collect();
    let kinds: BTreeSet<&str> = rows
        .iter()
        .flat_map(|(_, m)| {
            m.rounds
                .keys()
                .map(|name| name.split(", ").next().unwrap_or(name))
        })
        .collect();
    let mut servers = vec!["perigee"];
    servers.extend(
        SERVERS
            .iter()
            .map(|s| s.name)
            .filter(|name| kinds.contains(name)),
    );
    if rows.is_empty() {
        return String::new();
    }
    let titles: Vec<String> = servers.iter().map(|name| shown(name)).collect();
    let mut text = format!(
        "\nMedian of the rounds, and from the least to the most:\n\n| thousand queries for each CPU second | {} |\n|---|{}\n",
        titles.join(" | "),
        "---|".repeat(servers.len()),
    );
    for (row, measured) in rows {
        let cells: Vec<String> = servers.iter().map(|name| cells(measured, name)).collect();
        text += &format!("| {row} | {} |\n", cells.join(" | "));
    }
    text
}

/// All that a server has in a row, each by its kind.
fn cells(measured: &Measured, server: &str) -> String {
    let names = measured.rounds.keys();
    let of = names.filter(|name| name.split(", ").next() == Some(server));
    let cells: Vec<String> = of
        .map(|name| match name.split_once(", ") {
            Some((_, kind)) => format!("{kind} {}", cell(measured, name)),
            None => cell(measured, name),
        })
        .collect();
    match cells.is_empty() {
        true => "-".to_owned(),
        false => cells.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_judged_beside_whom_it_is_to_be() {
        let mut results = Results::default();
        let mut measured = Measured::default();
        for (name, value) in [
            ("perigee, signed", 40.0),
            ("knot, online", 24.0),
            ("bind", 1.0),
        ] {
            measured.push(name, value);
        }
        let row = "every answer new: names of a wildcard, DO=1";
        results.rows.insert(format!("{PREFIX}{row}"), measured);
        let text = names(&results);
        let judged = format!("| {row} | 40.0 | Knot, online 24.0 | 1.67 | 2 | **not reached** |\n");
        assert!(text.contains(&judged), "{text}");
        let all = format!("| {row} | signed 40.0 | online 24.0 | 1.00 |\n");
        assert!(text.contains(&all), "{text}");
    }
}
