//! `perigee purge`: shields first, then edges, all of a tier at once; and of one node alone.
//!
//! An edge that refills before its shield has forgotten would keep the old content: so the edges come
//! once all shields have answered. And an edge that has a copy of what another one owns may have
//! refilled it from that one, while it was not told yet: so the edges are told a second time, once all
//! of them have answered. The purge has one id, by which nodes that hear of it again from others, or
//! late, know it. Where the CDN has an etcd, it is written there before all that.

mod in_etcd;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use perigee_edge::{PurgeOrder, Role, new_id};

use in_etcd::InEtcd;

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
    let mut fleet = Fleet::load(&purge.config).await.map_err(|why| match purge.config.exists() {
        true => why,
        false => format!(
            "{why}\nan edge that runs without a file: perigee cache purge --node ADDR:PORT, of its --admin"
        ),
    })?;
    let (orders, begun) = (orders(&purge.what)?, Instant::now());
    let mut in_etcd = InEtcd::write(&mut fleet, &orders, begun).await?;
    let of = |role| fleet.nodes.iter().filter(move |it| it.node.role == role);
    let mut reports = told(of(Role::Shield), &orders, begun).await?;
    let mut edges = told(of(Role::Edge), &orders, begun).await?;
    if edges.len() > 1 {
        let again = of(Role::Edge)
            .zip(&edges)
            .filter(|(_, it)| it.result.is_ok());
        let again: Vec<_> = again.map(|(member, _)| member).collect();
        second_time(&mut edges, told(again, &orders, begun).await?);
    }
    reports.extend(edges);
    let all = begun.elapsed();
    let Some(in_etcd) = &mut in_etcd else {
        if reports.is_empty() {
            return Err(fleet.nobody("edge or shield"));
        }
        let outcome = tell(&reports);
        tell_what_comes(&reports, all, fleet.document.out_of_touch());
        return outcome;
    };
    in_etcd.write_again(&reports).await;
    if reports.is_empty() {
        in_etcd.tell("nobody was told: repeat it once etcd answers");
        return Err(fleet.nobody("edge or shield"));
    }
    let outcome = tell(&reports)?;
    in_etcd.tell(
        "only the nodes above were told: nodes that were not reached, or are not registered now, do \
         not learn of it from there; repeat it once etcd answers",
    );
    if missing(&reports).next().is_none() {
        tell_all(&reports, all);
    } else {
        in_etcd.tell_what_comes(fleet.document.out_of_touch());
    }
    Ok(match in_etcd.is_written() {
        true => outcome,
        false => ExitCode::FAILURE,
    })
}

/// Tells these nodes, all at once.
async fn told<'m>(
    members: impl IntoIterator<Item = &'m Member>,
    orders: &[PurgeOrder],
    begun: Instant,
) -> Result<Vec<Report>, String> {
    let ask = |Member { node, admin, .. }: &Member| {
        let (name, admin) = (node.name.to_string(), admin.clone());
        tokio::spawn(ask(name, admin, orders.to_vec(), begun))
    };
    let asked: Vec<_> = members.into_iter().map(ask).collect();
    let mut reports = Vec::new();
    for report in asked {
        reports.push(report.await.map_err(|e| e.to_string())?);
    }
    Ok(reports)
}

/// Takes in what the edges said when they were told again.
fn second_time(edges: &mut [Report], again: Vec<Report>) {
    for report in again {
        let Some(edge) = edges.iter_mut().find(|edge| edge.node == report.node) else {
            continue;
        };
        edge.took = report.took;
        match (&mut edge.result, report.result) {
            (Ok(done), Ok(more)) => {
                // What was refilled meanwhile was not stored when the purge began.
                done.milliseconds += more.milliseconds;
                done.warning = done.warning.take().or(more.warning);
            }
            (result, Err(why)) => *result = Err(why),
            (Err(_), Ok(_)) => {}
        }
    }
}

/// On one node alone.
pub(super) async fn run_on(name: String, admin: AdminClient, what: &cli::PurgeWhat) -> Outcome {
    tell(&[ask(name, admin, orders(what)?, Instant::now()).await])
}

fn tell(reports: &[Report]) -> Outcome {
    print(&table(reports).to_string());
    tell_what_is_odd(reports);
    let missing: Vec<&str> = missing(reports).collect();
    match missing.len() {
        0 => Ok(ExitCode::SUCCESS),
        count => {
            let (of, names) = (reports.len(), missing.join(", "));
            eprintln!("perigee: {count} of {of} nodes have not acknowledged: {names}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn missing(reports: &[Report]) -> impl Iterator<Item = &str> {
    let missing = reports.iter().filter(|report| report.result.is_err());
    missing.map(|report| report.node.as_str())
}

/// When all have it; or what becomes of those who have not.
fn tell_what_comes(reports: &[Report], all: Duration, out_of_touch: Duration) {
    let (missing, of) = (missing(reports).count(), reports.len());
    if missing == 0 {
        tell_all(reports, all);
        return;
    }
    if missing < of {
        let seconds = out_of_touch.as_secs_f64();
        eprintln!(
            "perigee: they learn of it from the others, and carry it out before they serve what they \
             held: one that is down when it starts; one that runs and hears of nobody validates all \
             that is older than {seconds} s, once it has heard of nobody for so long"
        );
    } else {
        eprintln!("perigee: nobody has it: repeat it");
    }
}

fn tell_all(reports: &[Report], all: Duration) {
    let (of, ms) = (reports.len(), all.as_secs_f64() * 1_000.0);
    print(&format!("{of} of {of} nodes after {ms:.1} ms\n"));
}

/// One for each URL and prefix; else one. Each has an id of its own.
fn orders(purge: &cli::PurgeWhat) -> Result<Vec<PurgeOrder>, String> {
    let identified = |order: PurgeOrder| {
        // Before anybody is told: all of them would refuse it.
        order.check()?;
        let id = Some(new_id()?);
        Ok(PurgeOrder { id, ..order })
    };
    without_ids(purge).into_iter().map(identified).collect()
}

fn without_ids(purge: &cli::PurgeWhat) -> Vec<PurgeOrder> {
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

/// The time counts from when the purge began, so that it says when the node had it.
async fn ask(name: String, admin: AdminClient, orders: Vec<PurgeOrder>, begun: Instant) -> Report {
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
            // A node that is down will be down for the next one too, and want the same token.
            Err(why @ (CallError::Down(_) | CallError::Late(_) | CallError::WrongToken { .. })) => {
                return Err(why);
            }
            Err(why) => failed = Some(why),
        }
    }
    failed.map_or(Ok(done), Err)
}

/// As all nodes say, and all of them know.
fn nothing_was_stored(reports: &[Report]) -> bool {
    let keys = |report: &Report| report.result.as_ref().ok()?.keys;
    reports.iter().all(|report| keys(report) == Some(0))
}

/// On standard error.
fn tell_what_is_odd(reports: &[Report]) {
    if nothing_was_stored(reports) {
        eprintln!(
            "perigee: nothing was stored under that; a URL is written as clients ask for it, \
             its port included"
        );
    }
    for report in reports {
        if let Ok(Done {
            warning: Some(why), ..
        }) = &report.result
        {
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

    fn report(node: &str, result: Result<Done, CallError>) -> Report {
        Report {
            node: node.into(),
            result,
            took: Duration::from_micros(1_240),
        }
    }

    fn done(keys: Option<u64>) -> Done {
        Done {
            keys,
            revision: 8,
            milliseconds: 0.123,
            warning: None,
        }
    }

    #[test]
    fn nothing_was_stored_if_all_nodes_know_that() {
        let all_say = |keys: &[Option<u64>]| {
            let reports: Vec<_> = keys
                .iter()
                .map(|keys| report("a", Ok(done(*keys))))
                .collect();
            nothing_was_stored(&reports)
        };
        assert!(all_say(&[Some(0), Some(0)]));
        assert!(!all_say(&[Some(0), Some(1)]));
        assert!(!all_say(&[Some(0), None]));
        let down = Err(CallError::Down("connection refused".into()));
        assert!(!nothing_was_stored(&[
            report("a", Ok(done(Some(0)))),
            report("b", down)
        ]));
    }

    #[test]
    fn who_has_not_acknowledged_says_why() {
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
