//! What more of everything costs, and the name server.

use super::{
    super::{
        dns,
        results::{Measured, Results},
        scale::{SCALES, Scale},
    },
    SERVERS, cell, verdict,
};

/// How much of the time for a request may come with more of something.
const MOST_GROWTH: f64 = 0.1;
/// How many times the throughput two cores are to have of one's.
const LEAST_SPEEDUP: f64 = 1.8;

/// Time for a request, and from one to two cores the throughput.
pub(super) fn scales(results: &Results) -> String {
    let mut rows = String::new();
    for scale in &SCALES {
        let few = results.rows.get(&scale.key(scale.few));
        let (Some(few), Some(many)) = (few, results.rows.get(&scale.key(scale.many))) else {
            continue;
        };
        for name in SERVERS {
            if let (Some(few), Some(many)) = (few.median(name), many.median(name)) {
                rows += &row(scale, name, 1e3 / few, 1e3 / many);
            }
        }
    }
    match rows.is_empty() {
        true => rows,
        false => format!(
            "\nMicroseconds of a core for each request:\n\n\
             | more | server | from | to | effect | |\n|---|---|---|---|---|---|\n{rows}"
        ),
    }
}

fn row(scale: &Scale, name: &str, few: f64, many: f64) -> String {
    let growth = many / few - 1.0;
    let (effect, is_reached) = match scale.name {
        "cores" => {
            let speedup = 2.0 * few / many;
            (
                format!("{speedup:.2} times the throughput"),
                speedup >= LEAST_SPEEDUP,
            )
        }
        _ => (format!("{:+.0} %", 100.0 * growth), growth < MOST_GROWTH),
    };
    let verdict = if name == "Perigee" {
        verdict(is_reached)
    } else {
        ""
    };
    format!(
        "| {} to {} {} | {name} | {few:.2} | {many:.2} | {effect} | {verdict} |\n",
        scale.few, scale.many, scale.title,
    )
}

/// The name server.
pub(super) fn names(results: &Results) -> String {
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
