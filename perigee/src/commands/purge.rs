//! `perigee purge`: shields first, then edges, all of a tier at once.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use perigee_edge::{Purged, Role};

use super::{
    Outcome,
    fleet::{Fleet, Member},
};
use crate::{admin::CallError, cli, style::print, table::Table};

/// What one node did.
struct Report {
    node: String,
    result: Result<u64, CallError>,
    took: Duration,
}

pub(super) async fn run(purge: &cli::Purge) -> Outcome {
    let fleet = Fleet::load(&purge.config)?;
    let urls: Vec<String> = purge.urls.iter().map(|url| url.0.clone()).collect();
    let mut reports = Vec::new();
    // An edge that refills before its shield has forgotten would keep the old content.
    for role in [Role::Shield, Role::Edge] {
        let tier = fleet.nodes.iter().filter(|member| member.node.role == role);
        let asked: Vec<_> = tier
            .map(|member| tokio::spawn(ask(member.clone(), urls.clone())))
            .collect();
        for report in asked {
            reports.push(report.await.map_err(|e| e.to_string())?);
        }
    }
    if reports.is_empty() {
        return Err("the file has no edges and shields".into());
    }
    print(&table(&reports).to_string());
    if reports.iter().all(|report| matches!(report.result, Ok(0))) {
        eprintln!(
            "perigee: nothing was stored under that; a URL is written as clients ask for it, \
             its port included"
        );
    }
    match reports.iter().filter(|r| r.result.is_err()).count() {
        0 => Ok(ExitCode::SUCCESS),
        missing => {
            let of = reports.len();
            eprintln!("perigee: {missing} of {of} nodes have not acknowledged");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn ask(member: Member, urls: Vec<String>) -> Report {
    let begun = Instant::now();
    let mut removed = Ok(0);
    for url in &urls {
        let purged = member.admin.purge(url).await;
        removed = removed.and_then(|sum: u64| purged.map(|Purged { keys, .. }| sum + keys));
        // A node that is down will be down for the next one too.
        if matches!(removed, Err(CallError::Down(_))) {
            break;
        }
    }
    Report {
        node: member.node.name.to_string(),
        result: removed,
        took: begun.elapsed(),
    }
}

fn table(reports: &[Report]) -> Table {
    let mut table = Table::new(&["node", "acknowledged", ">removed", ">ms"]);
    for report in reports {
        let (answer, removed) = match &report.result {
            Ok(keys) => ("yes".to_owned(), keys.to_string()),
            Err(why) => (format!("no: {why}"), String::new()),
        };
        let took = format!("{:.1}", report.took.as_secs_f64() * 1_000.0);
        table.row([report.node.clone(), answer, removed, took]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_acknowledged_says_why() {
        let took = Duration::from_micros(1_240);
        let report = |node: &str, result| Report {
            node: node.into(),
            result,
            took,
        };
        let reports = [
            report("shield-1", Ok(1)),
            report("na-1", Err(CallError::Down("connection refused".into()))),
        ];
        assert_eq!(
            table(&reports).to_string(),
            "node      acknowledged            removed   ms\n\
             shield-1  yes                           1  1.2\n\
             na-1      no: connection refused           1.2\n"
        );
    }
}
