//! The report for people to read. Pure.

use std::fmt::Write as _;

use perigee_geodns::{DnsExplanation, ExplainedAnswer, ExplainedPop};

use super::{Report, Told};
use crate::table::Table;

pub(super) fn of(report: &Report) -> String {
    let client = match report.question.client.prefix_len() {
        0 => "a client that withholds itself".to_owned(),
        _ => format!("a client in {}", report.question.client),
    };
    let mut text = format!("{} for {client}\n", report.question.name);
    for told in &report.nodes {
        text += &format!("\n{}", by(told, &report.version));
    }
    text
}

fn by(told: &Told, version: &str) -> String {
    let Some(explanation) = &told.explanation else {
        let why = told.error.as_deref().unwrap_or("it says nothing");
        return format!("{}: no answer: {why}\n", told.node);
    };
    let mut text = format!("{}, version {}\n", told.node, explanation.config_version);
    if told.current == Some(false) {
        let _ = writeln!(
            text,
            "  another version than the file's, which is {version}"
        );
    }
    text += &client(explanation);
    if explanation.a.is_some() {
        text += &format!("\n{}", candidates(explanation));
    }
    text
}

/// What is known of the client, what the name is, what is answered.
fn client(told: &DnsExplanation) -> String {
    let mut table = Table::new(&["", ""]);
    let mut line = |what: &str, is: String| table.row([format!("  {what}"), is]);
    line("name", told.kind.clone());
    for found in &told.looked_up {
        let holds = format!("{}; the same for its /{}", found.found, found.prefix);
        line(&found.what, holds);
    }
    if let Some(policy) = &told.policy {
        line("policy", policy.clone());
    }
    if !told.health_believed {
        let why = "not believed: too many edges look down, so all are answered";
        line("health", why.to_owned());
    }
    for (what, answer) in [("A", &told.a), ("AAAA", &told.aaaa)] {
        if let Some(answer) = answer {
            line(what, answered(answer));
        }
    }
    let lines = table.lines();
    let lines = lines.iter().skip(1);
    lines.map(|line| format!("{line}\n")).collect()
}

fn answered(answer: &ExplainedAnswer) -> String {
    let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
    let what = match &answer.pop {
        Some(pop) => format!(
            "{} of {pop}, for {} s and the client's /{}",
            addresses.join(", "),
            answer.ttl,
            answer.scope
        ),
        None => format!("no records, for the client's /{}", answer.scope),
    };
    format!("{what}: {}", answer.because)
}

fn candidates(told: &DnsExplanation) -> Table {
    let mut table = Table::new(&[
        "  pop", "rule", "order", ">km", ">ms", ">weight", ">spill", "edges",
    ]);
    for pop in &told.candidates {
        table.row([
            format!("  {}", pop.pop),
            pop.rule
                .map_or_else(|| "after all".to_owned(), |rule| rule.to_string()),
            pop.order.clone(),
            pop.distance_km
                .map(|km| format!("{km:.0}"))
                .unwrap_or_default(),
            latency(pop),
            pop.weight
                .map(|weight| weight.to_string())
                .unwrap_or_default(),
            format!("{:.0} %", pop.spill * 100.0),
            edges(pop),
        ]);
    }
    table
}

/// What is guessed from the distance is marked, and what edges have measured.
fn latency(pop: &ExplainedPop) -> String {
    let (before, after) = match pop.latency_from.as_deref() {
        Some("distance") => ("~", ""),
        Some("measured") => ("", " measured"),
        _ => ("", ""),
    };
    pop.latency_ms
        .map(|ms| format!("{before}{ms:.0}{after}"))
        .unwrap_or_default()
}

fn edges(pop: &ExplainedPop) -> String {
    let edge = |edge: &perigee_geodns::ExplainedEdge| {
        let state = match (edge.up, edge.draining) {
            (true, false) => "up",
            (true, true) => "draining",
            (false, _) => "down",
        };
        let load = edge.load.map(|load| format!(", load {load:.2}"));
        format!("{} ({state}{})", edge.node, load.unwrap_or_default())
    };
    let edges: Vec<_> = pop.edges.iter().map(edge).collect();
    match edges.is_empty() {
        true => "none".to_owned(),
        false => edges.join(", "),
    }
}
