//! The report for people to read. Pure.

use std::fmt::Write as _;

use perigee_edge::{Explanation, HitForMiss, NextPlace, Policy, StoredResponse};

use super::{ByTheFile, Report, Told};
use crate::table::Table;

pub(super) fn of(report: &Report) -> String {
    let Report {
        request,
        version,
        file,
        nodes,
    } = report;
    let mut text = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = write!(
        text,
        "\nby the file, version {version}\n{}",
        by_the_file(file, nodes)
    );
    if !nodes.is_empty() {
        text += &format!("\n{}", would(nodes));
    }
    let stored = stored(nodes);
    if stored.lines().len() > 1 {
        text += &format!("\n{stored}");
    }
    if nodes.iter().any(|told| told.current == Some(false)) {
        let _ = writeln!(
            text,
            "\n* runs another version than the file, which is {version}"
        );
    }
    text
}

fn by_the_file(file: &ByTheFile, nodes: &[Told]) -> String {
    let mut table = Table::new(&["", ""]);
    let mut line = |what: &str, is: String| table.row([format!("  {what}"), is]);
    line(
        "service",
        format!("{}, by its host {}", file.service, file.host),
    );
    if let Some(rule) = &file.rule {
        line("rule", rule.clone());
    }
    line("policy", policy(file));
    line("key", file.key.clone());
    for (n, (pop, edges)) in file.owners.iter().enumerate() {
        let what = if n == 0 { "owner" } else { "" };
        line(what, format!("{pop}: {}", in_order(edges, nodes)));
    }
    if !file.shields.is_empty() {
        line("shield", in_order(&file.shields, nodes));
    }
    line("origin", file.origins.join(", "));
    if file.outcome != "miss" {
        line(file.outcome, file.because.clone());
    }
    let lines = table.lines();
    lines
        .iter()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// What the policy says otherwise than by default.
fn policy(file: &ByTheFile) -> String {
    let default = Policy::default().values();
    let is_default =
        |key: &String, value: &String| default.iter().any(|(k, v)| k == key && v == value);
    let changed = file
        .policy
        .iter()
        .filter(|(key, value)| !is_default(key, value));
    let changed: Vec<_> = changed
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    match changed.is_empty() {
        true => "as by default".to_owned(),
        false => changed.join(", "),
    }
}

/// Names, each standing in for those before it; who does not answer is marked.
fn in_order(names: &[String], nodes: &[Told]) -> String {
    let mark = |name: &String| {
        let silent = nodes
            .iter()
            .any(|told| told.node == *name && told.error.is_some());
        match silent {
            true => format!("{name} (no answer)"),
            false => name.clone(),
        }
    };
    let names: Vec<_> = names.iter().map(mark).collect();
    names.join(", then ")
}

fn would(nodes: &[Told]) -> Table {
    let mut table = Table::new(&["node", "would", "because"]);
    for told in nodes {
        let mark = if told.current == Some(false) { "*" } else { "" };
        let (outcome, because) = match (&told.explanation, &told.error) {
            (Some(explanation), _) => (explanation.outcome.clone(), because(explanation)),
            (None, error) => {
                let why = error.as_deref().unwrap_or("it says nothing");
                ("?".to_owned(), format!("no answer: {why}"))
            }
        };
        table.row([format!("{}{mark}", told.node), outcome, because]);
    }
    table
}

fn because(told: &Explanation) -> String {
    let mut text = told.because.clone();
    // A node that another one of its PoP owns the key before asks that one first.
    let places = told.sideways.iter().chain(&told.up);
    if let Some(first) = places.into_iter().next()
        && !matches!(told.outcome.as_str(), "hit" | "refuse" | "here")
    {
        let _ = write!(text, "; asks {}", place(first, told));
    }
    if told.hot && told.outcome != "hit" {
        text += "; keeps a copy, since many ask for it";
    }
    if let Some(HitForMiss { requests, seconds }) = &told.hit_for_miss {
        let requests = match requests.as_str() {
            "all" => String::new(),
            some => format!(" to requests {some}"),
        };
        let _ = write!(text, "; the last answer{requests} was not for sharing: ");
        let _ = write!(
            text,
            "for {seconds} s more nobody waits for another's (hit-for-miss)"
        );
    }
    match told.fetches {
        0 => {}
        1 => text += "; it is being fetched now",
        several => {
            let _ = write!(text, "; {several} fetches of it are under way");
        }
    }
    text
}

fn place(place: &NextPlace, told: &Explanation) -> String {
    let place = match place.kind.as_str() {
        "peer" if told.passed_over.is_none() => format!("{}, which owns the key", place.name),
        "origin" => "the origin".to_owned(),
        _ => place.name.clone(),
    };
    match &told.passed_over {
        Some((owner, why)) => format!("{place}, since {owner}, which owns the key, is {why}"),
        None => place,
    }
}

fn stored(nodes: &[Told]) -> Table {
    let mut table = Table::new(&[
        "stored at",
        ">status",
        ">bytes",
        ">age",
        ">ttl",
        "by",
        "validator",
        "for requests with",
    ]);
    for told in nodes {
        let Some(explanation) = &told.explanation else {
            continue;
        };
        for (n, stored) in explanation.stored.iter().enumerate() {
            let mark = if explanation.uses == Some(n) {
                " <"
            } else {
                ""
            };
            let length = stored.length.map(|length| length.to_string());
            let bytes = stored.part.clone().or(length);
            table.row([
                format!("{}{mark}", told.node),
                stored.status.to_string(),
                bytes.unwrap_or_default(),
                format!("{} s", stored.age),
                format!("{} s", stored.ttl),
                stored.lifetime_by.clone(),
                validator(stored),
                selected_by(stored),
            ]);
        }
    }
    table
}

/// The one that counts: If-None-Match goes before If-Modified-Since (RFC 9110 section 13.2.2).
fn validator(stored: &StoredResponse) -> String {
    match (&stored.etag, &stored.last_modified) {
        (Some(etag), _) => format!("ETag {etag}"),
        (None, Some(date)) => format!("Last-Modified {date}"),
        (None, None) => "none".to_owned(),
    }
}

fn selected_by(stored: &StoredResponse) -> String {
    let fields = stored.selected_by.iter();
    let fields: Vec<_> = fields
        .map(|(name, value)| match value {
            Some(value) => format!("{name}: {value}"),
            None => format!("no {name}"),
        })
        .collect();
    match fields.is_empty() {
        true => "anything".to_owned(),
        false => fields.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use perigee_edge::Question;

    use super::*;

    fn place(name: &str, kind: &str) -> NextPlace {
        NextPlace {
            name: name.into(),
            kind: kind.into(),
        }
    }

    fn told(node: &str, explanation: Option<Explanation>) -> Told {
        Told {
            node: node.into(),
            role: "edge",
            pop: Some("fra".into()),
            error: explanation.is_none().then(|| "connection refused".into()),
            current: explanation.as_ref().map(|e| e.config_version == "v2"),
            explanation,
        }
    }

    fn report() -> Report {
        let miss = |version: &str| Explanation {
            config_version: version.into(),
            outcome: "miss".into(),
            because: "nothing is stored".into(),
            up: vec![place("shield-1", "shield"), place("origin", "origin")],
            ..Explanation::default()
        };
        let sideways = Explanation {
            sideways: vec![place("b", "peer")],
            fetches: 1,
            hit_for_miss: Some(HitForMiss {
                requests: "with cookies".into(),
                seconds: 9,
            }),
            ..miss("v1")
        };
        let mut policy: BTreeMap<_, _> = Policy::default().values().into_iter().collect();
        policy.insert("default_ttl".into(), "9s".into());
        Report {
            request: Question {
                url: "http://a.test/".into(),
                method: "GET".into(),
                headers: vec![("Accept".into(), "text/html".into())],
            },
            version: "v2".into(),
            file: ByTheFile {
                service: "www".into(),
                host: "*.test".into(),
                rule: Some("2: every request".into()),
                policy,
                key: "http://a.test/".into(),
                owners: BTreeMap::from([("fra".into(), vec!["b".into(), "c".into()])]),
                shields: vec!["shield-1".into()],
                origins: vec!["./site".into()],
                outcome: "miss",
                because: String::new(),
            },
            nodes: vec![
                told("a", Some(sideways)),
                told("b", Some(miss("v2"))),
                told("c", None),
            ],
        }
    }

    #[test]
    fn first_what_the_file_says_then_each_node() {
        assert_eq!(
            of(&report()),
            "GET http://a.test/\n\
             Accept: text/html\n\
             \n\
             by the file, version v2\n  \
               service  www, by its host *.test\n  \
               rule     2: every request\n  \
               policy   default_ttl = 9s\n  \
               key      http://a.test/\n  \
               owner    fra: b, then c (no answer)\n  \
               shield   shield-1\n  \
               origin   ./site\n\
             \n\
             node  would  because\n\
             a*    miss   nothing is stored; asks b, which owns the key; the last answer to \
               requests with cookies was not for sharing: for 9 s more nobody waits for another's \
               (hit-for-miss); it is being fetched now\n\
             b     miss   nothing is stored; asks shield-1\n\
             c     ?      no answer: connection refused\n\
             \n\
             * runs another version than the file, which is v2\n"
        );
    }
}
