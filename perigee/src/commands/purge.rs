//! `perigee purge`: shields first, then edges, all of a tier at once; and of one node alone.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use perigee_edge::{PurgeOrder, Role};

use super::{
    Outcome,
    fleet::{Fleet, Member},
};
use crate::{
    admin::{AdminClient, CallError},
    cli,
    style::print,
    table::Table,
};

/// What one node did.
struct Report {
    node: String,
    result: Result<Done, CallError>,
    took: Duration,
}

/// What it says that it has done.
#[derive(Debug, Default)]
struct Done {
    /// Keys that it has removed, if it knows.
    keys: Option<u64>,
    revision: u64,
    /// How long it took, without the way there and back.
    milliseconds: f64,
    warning: Option<String>,
}

pub(super) async fn run(purge: &cli::Purge) -> Outcome {
    let fleet = Fleet::load(&purge.config).map_err(|why| match purge.config.exists() {
        true => why,
        false => format!(
            "{why}\nan edge that runs without a file: perigee cache purge --node ADDR:PORT, of its --admin"
        ),
    })?;
    let orders = orders(&purge.what);
    let mut reports = Vec::new();
    // An edge that refills before its shield has forgotten would keep the old content.
    for role in [Role::Shield, Role::Edge] {
        let tier = fleet.nodes.iter().filter(|member| member.node.role == role);
        let asked: Vec<_> = tier
            .map(|Member { node, admin }| {
                let name = node.name.to_string();
                tokio::spawn(ask(name, admin.clone(), orders.clone()))
            })
            .collect();
        for report in asked {
            reports.push(report.await.map_err(|e| e.to_string())?);
        }
    }
    if reports.is_empty() {
        return Err("the file has no edges and shields".into());
    }
    tell(&reports)
}

/// On one node alone.
pub(super) async fn run_on(name: String, admin: AdminClient, what: &cli::PurgeWhat) -> Outcome {
    tell(&[ask(name, admin, orders(what)).await])
}

fn tell(reports: &[Report]) -> Outcome {
    print(&table(reports).to_string());
    tell_what_is_odd(reports);
    match reports.iter().filter(|r| r.result.is_err()).count() {
        0 => Ok(ExitCode::SUCCESS),
        missing => {
            let of = reports.len();
            eprintln!("perigee: {missing} of {of} nodes have not acknowledged");
            let is_down = |r: &Report| matches!(r.result, Err(CallError::Down(_)));
            if reports.iter().any(is_down) {
                eprintln!(
                    "perigee: repeat it once they are up: what they have on disk outlives a restart"
                );
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// One for each URL and prefix; else one.
fn orders(purge: &cli::PurgeWhat) -> Vec<PurgeOrder> {
    let order = PurgeOrder {
        host: purge.host.clone(),
        tag: purge.tag.clone(),
        group: purge.group.clone(),
        everything: purge.all,
        soft: purge.soft,
        ..PurgeOrder::default()
    };
    let of_url = |url: &cli::HttpUrl| PurgeOrder {
        url: Some(url.0.clone()),
        ..order.clone()
    };
    let of_prefix = |prefix: &cli::HttpUrl| PurgeOrder {
        prefix: Some(prefix.0.clone()),
        ..order.clone()
    };
    let urls = purge.urls.iter().map(of_url);
    let orders: Vec<_> = urls.chain(purge.prefix.iter().map(of_prefix)).collect();
    match orders.is_empty() {
        true => vec![order],
        false => orders,
    }
}

async fn ask(name: String, admin: AdminClient, orders: Vec<PurgeOrder>) -> Report {
    let begun = Instant::now();
    Report {
        node: name,
        result: ask_all(&admin, &orders).await,
        took: begun.elapsed(),
    }
}

async fn ask_all(admin: &AdminClient, orders: &[PurgeOrder]) -> Result<Done, CallError> {
    let mut done = Done {
        keys: Some(0),
        ..Done::default()
    };
    let mut failed = None;
    for order in orders {
        match admin.purge(order).await {
            Ok(purged) => {
                done.keys = done.keys.zip(purged.keys).map(|(sum, keys)| sum + keys);
                done.revision = purged.revision;
                done.milliseconds += purged.milliseconds;
                done.warning = done.warning.or(purged.warning);
            }
            // A node that is down will be down for the next one too.
            Err(why @ CallError::Down(_)) => return Err(why),
            Err(why) => failed = Some(why),
        }
    }
    failed.map_or(Ok(done), Err)
}

/// On standard error.
fn tell_what_is_odd(reports: &[Report]) {
    let done = || {
        reports
            .iter()
            .filter_map(|r| Some((r, r.result.as_ref().ok()?)))
    };
    let is_nothing = |(_, done): (&Report, &Done)| done.keys == Some(0);
    if done().count() == reports.len() && done().all(is_nothing) {
        eprintln!(
            "perigee: nothing was stored under that; a URL is written as clients ask for it, \
             its port included"
        );
    }
    for (report, done) in done() {
        if let Some(why) = &done.warning {
            eprintln!(
                "perigee: {}: the purge holds, but not over a restart: {why}",
                report.node
            );
        }
    }
}

fn table(reports: &[Report]) -> Table {
    let columns = [
        "node",
        "acknowledged",
        ">removed",
        ">purge",
        ">node ms",
        ">ms",
    ];
    let mut table = Table::new(&columns);
    for report in reports {
        let took = format!("{:.1}", report.took.as_secs_f64() * 1_000.0);
        let mut row = vec![report.node.clone()];
        match &report.result {
            Ok(done) => {
                row.push("yes".to_owned());
                // What is not known is found as it is looked up.
                row.push(done.keys.map_or("-".to_owned(), |keys| keys.to_string()));
                row.push(done.revision.to_string());
                row.push(format!("{:.2}", done.milliseconds));
            }
            Err(why) => {
                row.push(format!("no: {why}"));
                row.extend(["", "", ""].map(str::to_owned));
            }
        }
        row.push(took);
        table.row(row);
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
        let done = |keys| Done {
            keys,
            revision: 8,
            milliseconds: 0.123,
            warning: None,
        };
        let reports = [
            report("shield-1", Ok(done(Some(1)))),
            report("shield-2", Ok(done(None))),
            report("na-1", Err(CallError::Down("connection refused".into()))),
        ];
        assert_eq!(
            table(&reports).to_string(),
            "node      acknowledged            removed  purge  node ms   ms\n\
             shield-1  yes                           1      8     0.12  1.2\n\
             shield-2  yes                           -      8     0.12  1.2\n\
             na-1      no: connection refused                           1.2\n"
        );
    }
}
