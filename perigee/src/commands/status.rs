//! `perigee status`: the whole CDN as a table.

mod latency;
mod pops;

use std::{
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use perigee_config::NodeSummary;
use perigee_edge::Registration;
use perigee_geodns::PopStatus;
use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    fleet::{Fleet, Member},
};
use crate::{
    admin::CallError,
    cli,
    run::{DrainStatus, Phase},
    style::print,
    table::{Table, bytes},
};

/// What is shown of a node's status. Not every role says everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Said {
    config_version: String,
    draining: bool,
    drain: Option<DrainStatus>,
    requests: Option<u64>,
    load: Option<f64>,
    pops: Option<Vec<PopStatus>>,
    connections: Option<u64>,
    keys: Option<u64>,
    bytes: Option<u64>,
    capacity: Option<u64>,
    disk: Option<Disk>,
    purge_revision: Option<u64>,
}

/// What is shown of a disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Disk {
    keys: u64,
    bytes: u64,
    capacity: u64,
    loaded: f64,
    queued: u64,
    unusable: Option<String>,
}

/// A node, and what it says or why it says nothing.
#[derive(Debug, Serialize)]
struct Row {
    node: String,
    role: &'static str,
    pop: Option<String>,
    address: String,
    up: bool,
    error: Option<String>,
    /// Whether it has answered, if only to refuse.
    #[serde(skip)]
    is_there: bool,
    /// Whether it runs the file that was asked with.
    current: Option<bool>,
    /// Whether it is registered, where nodes register.
    registered: Option<bool>,
    /// Why it does not run what was applied.
    problem: Option<String>,
    #[serde(flatten)]
    said: Option<Said>,
}

pub(super) async fn run(status: &cli::Status) -> Outcome {
    let fleet = Fleet::load(&status.config).await?;
    let shown = show(status, &fleet).await?;
    match fleet.nodes.is_empty() {
        true => Err(fleet.nobody("node")),
        false => Ok(shown),
    }
}

async fn show(status: &cli::Status, fleet: &Fleet) -> Outcome {
    if status.latency {
        let (matrix, silent) = latency::matrix(fleet).await?;
        match status.json {
            true => print(&format!("{:#}\n", serde_json::json!(matrix))),
            false => print(&latency::table(&matrix).to_string()),
        }
        for (name, why) in &silent {
            eprintln!(
                "perigee: {name} tells nothing: {why}; what others say of it may be of before"
            );
        }
        return Ok(ExitCode::from(u8::from(!silent.is_empty())));
    }
    let asked: Vec<_> = fleet
        .nodes
        .iter()
        .map(|member| {
            let member = member.clone();
            tokio::spawn(async move { (ask(&member).await, member) })
        })
        .collect();
    // It is what was applied that they should run, and that is not known.
    let unknown = fleet.members.is_none() && fleet.document.nodes_register();
    let mut rows = Vec::new();
    for answer in asked {
        let (said, member) = answer.await.map_err(|e| e.to_string())?;
        let mut row = Row::new(&member.node, said, &fleet.version);
        if unknown {
            row.current = None;
        }
        rows.push(row.registered(member.record.as_ref(), fleet.members.is_some()));
    }
    if status.json {
        let applied = fleet.members.as_ref().and_then(|m| m.applied.as_ref());
        let json = serde_json::json!({
            "version": fleet.version,
            "applied": applied.map(|a| serde_json::json!({
                "version": a.version, "by": a.by, "at": a.at, "revision": a.revision,
            })),
            "nodes": rows,
        });
        print(&format!("{json:#}\n"));
    } else {
        if !rows.is_empty() {
            print(&table(&rows).to_string());
        }
        print(&pops::table(
            rows.iter()
                .filter_map(|row| row.said.as_ref()?.pops.as_deref()),
        ));
        print(&below(&rows, fleet));
    }
    let all_up = rows.iter().all(|row| row.up);
    Ok(if all_up {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What it says of itself; if it is reached from its own machine only, what it has registered.
async fn ask(member: &Member) -> Result<Said, CallError> {
    match &member.record {
        Some(record) if record.member.admin.is_none() => Ok(Said::of_record(record)),
        _ => member.admin.status::<Said>().await,
    }
}

/// What is said below the table.
fn below(rows: &[Row], fleet: &Fleet) -> String {
    let mut text = String::new();
    let applied = fleet.members.as_ref().and_then(|m| m.applied.as_ref());
    if rows.iter().any(|row| row.current == Some(false)) {
        let version = &fleet.version;
        text += &match applied {
            Some(_) => format!("* runs another version than was applied, which is {version}\n"),
            None => format!("* runs another version than the file, which is {version}\n"),
        };
    }
    for row in rows {
        if let Some(problem) = &row.problem {
            text += &format!("{} does not run what was applied: {problem}\n", row.node);
        }
    }
    if let Some(applied) = applied {
        let at = UNIX_EPOCH + Duration::from_secs(applied.at);
        let (version, by, at) = (&applied.version, &applied.by, httpdate::fmt_http_date(at));
        text += &format!("applied: version {version}, by {by}, {at}\n");
    }
    for (key, why) in fleet.members.iter().flat_map(|members| &members.refused) {
        text += &format!("{key} in etcd is not believed: {why}\n");
    }
    text
}

impl Said {
    fn of_record(record: &Registration) -> Self {
        Said {
            config_version: record.news.config_version.clone(),
            draining: record.news.draining,
            load: Some(record.news.load),
            ..Said::default()
        }
    }
}

impl Row {
    /// The same with what it has registered, where nodes register.
    fn registered(self, record: Option<&Registration>, nodes_register: bool) -> Self {
        let registered = nodes_register.then_some(record.is_some());
        let error = match (&self.error, registered) {
            (Some(error), Some(true)) => Some(format!("{error}, but registered")),
            _ => self.error,
        };
        Row {
            registered,
            problem: record.and_then(|record| record.news.problem.clone()),
            error,
            ..self
        }
    }

    fn new(node: &NodeSummary, said: Result<Said, CallError>, version: &str) -> Self {
        let is_there = said.as_ref().map_or_else(CallError::is_an_answer, |_| true);
        let (said, error) = match said {
            Ok(said) => (Some(said), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Row {
            node: node.name.to_string(),
            role: node.role.as_str(),
            pop: node.pop.as_ref().map(ToString::to_string),
            address: node.tier_address.to_string(),
            up: said.is_some(),
            current: said.as_ref().map(|said| said.config_version == version),
            registered: None,
            problem: None,
            said,
            error,
            is_there,
        }
    }

    fn state(&self) -> String {
        match (&self.said, &self.error) {
            (Some(said), _) if said.draining => draining(said.drain.as_ref()),
            (Some(_), _) if self.registered == Some(false) => "up, not registered".into(),
            (Some(_), _) => "up".into(),
            (None, Some(error)) if self.is_there => error.clone(),
            (None, error) => format!("down: {}", error.as_deref().unwrap_or("no answer")),
        }
    }
}

/// How far a node is that drains.
fn draining(drain: Option<&DrainStatus>) -> String {
    let Some(drain) = drain else {
        return "draining".into();
    };
    let remaining = drain.remaining.unwrap_or_default();
    match drain.phase {
        // It has taken it back meanwhile.
        Phase::Serving => "up".into(),
        Phase::Leaving => format!("draining: {remaining:.0} s more"),
        Phase::Left => "draining: keeps running".into(),
        Phase::Finishing => format!("draining: finishing, {remaining:.0} s at most"),
    }
}

impl Disk {
    fn shown(&self) -> String {
        match self {
            disk if disk.unusable.is_some() => "unusable".into(),
            disk if disk.loaded < 1.0 => {
                format!(
                    "{} ({:.0} % loaded)",
                    bytes(disk.bytes),
                    disk.loaded * 100.0
                )
            }
            disk => bytes(disk.bytes),
        }
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "node",
        "role",
        "pop",
        "address",
        "state",
        "version",
        ">requests",
        ">load",
        ">memory",
        ">disk",
        ">purge",
    ]);
    for row in rows {
        let said = row.said.clone().unwrap_or_default();
        let mark = if row.current == Some(false) { "*" } else { "" };
        table.row([
            row.node.clone(),
            row.role.into(),
            row.pop.clone().unwrap_or_default(),
            row.address.clone(),
            row.state(),
            format!("{}{mark}", said.config_version),
            said.requests.map(|n| n.to_string()).unwrap_or_default(),
            said.load
                .map(|load| format!("{:.0} %", load * 100.0))
                .unwrap_or_default(),
            said.bytes.map(bytes).unwrap_or_default(),
            said.disk.map(|disk| disk.shown()).unwrap_or_default(),
            said.purge_revision
                .map(|n| n.to_string())
                .unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use perigee_edge::Role;

    use super::*;

    fn node(name: &str) -> NodeSummary {
        NodeSummary {
            name: name.into(),
            role: Role::Edge,
            pop: Some("fra".into()),
            admin: ([127, 0, 0, 1], 9901).into(),
            tier_address: ([127, 0, 0, 1], 8080).into(),
        }
    }

    #[test]
    fn tells_down_draining_and_straggling_nodes() {
        let said = |version: &str, draining| {
            Ok(Said {
                config_version: version.into(),
                draining,
                load: Some(0.25),
                bytes: Some(1 << 20),
                disk: Some(Disk {
                    bytes: 3 << 30,
                    loaded: if draining { 1.0 } else { 0.5 },
                    ..Disk::default()
                }),
                ..Said::default()
            })
        };
        let rows = [
            Row::new(&node("a"), said("v2", false), "v2"),
            Row::new(&node("b"), said("v1", true), "v2"),
            Row::new(
                &node("c"),
                Err(CallError::Down("connection refused".into())),
                "v2",
            ),
        ];
        let lines = table(&rows).lines();
        assert!(lines[1].contains("up") && lines[1].contains("v2 ") && lines[1].contains("25 %"));
        assert!(
            lines[2].contains("draining") && lines[2].contains("v1*"),
            "{}",
            lines[2]
        );
        assert!(
            lines[3].contains("down: connection refused"),
            "{}",
            lines[3]
        );
        assert!(lines[1].contains("3.0 GiB (50 % loaded)"), "{}", lines[1]);
        let loaded = lines[2].contains("3.0 GiB") && !lines[2].contains("loaded");
        assert!(loaded, "{}", lines[2]);
        assert!(!rows[2].up && rows[0].up);
    }

    #[test]
    fn who_refuses_the_token_is_not_down() {
        let refused = |sent| Err(CallError::WrongToken { sent });
        let row = Row::new(&node("a"), refused(true), "v1");
        assert_eq!(row.state(), "the token was refused (401)");
        let row = Row::new(&node("a"), refused(false), "v1");
        assert_eq!(row.state(), "it wants a token (401)");
        assert!(!row.up, "nothing is known of it");
    }

    #[test]
    fn tells_how_far_a_drain_is() {
        let drain = |phase, remaining| DrainStatus {
            phase,
            stops: true,
            remaining,
            seconds: 3.0,
            grace: 20.0,
            deadline: 30.0,
            uptime: 60.0,
        };
        for (drain, says) in [
            (None, "draining"),
            (
                Some(drain(Phase::Leaving, Some(17.4))),
                "draining: 17 s more",
            ),
            (Some(drain(Phase::Left, None)), "draining: keeps running"),
            (
                Some(drain(Phase::Finishing, Some(29.6))),
                "draining: finishing, 30 s at most",
            ),
        ] {
            let said = Said {
                draining: true,
                drain,
                ..Said::default()
            };
            assert_eq!(Row::new(&node("a"), Ok(said), "v1").state(), says);
        }
    }

    #[test]
    fn a_name_server_says_less() {
        let said = r#"{ "node": "ns", "role": "geodns", "config_version": "v1", "zone": "x" }"#;
        let said: Said = serde_json::from_str(said).expect("parses");
        assert_eq!(said.config_version, "v1");
        assert_eq!(said.requests, None);
    }
}
