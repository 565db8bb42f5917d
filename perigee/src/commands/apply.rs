//! `perigee apply`: one version for all nodes, or none.

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use perigee_config::{Document, parse_whole};
use perigee_edge::{Application, Applied, MAX_APPLIED, Members};
use tokio::time::sleep;

use super::{Outcome, registered::Registered};
use crate::{cli, style::print, table::Table};

/// Between two looks at who runs it.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn run(apply: &cli::Apply) -> Outcome {
    let file = apply.file.display();
    let text = Document::read(&apply.file).map_err(|error| error.to_string())?;
    let document = match parse_whole(&text, &apply.file) {
        Ok(document) => document,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}\n");
            }
            eprintln!("perigee: {file} is not right: nothing is applied");
            return Ok(ExitCode::FAILURE);
        }
    };
    if text.len() > MAX_APPLIED {
        let bytes = text.len();
        return Err(format!(
            "{file} has {bytes} bytes, and {MAX_APPLIED} are the most that can be applied"
        ));
    }
    let registered = Registered::of(&document)?
        .ok_or_else(|| format!("{file} has no [membership], which says where to apply it: without one each node reads its own file"))?;
    if document.has_literal_secret() {
        eprintln!(
            "perigee: note: this file has a secret in it, which whoever reads etcd will know: better secret_env"
        );
    }
    let version = document.version();
    let members = registered.look().await?;
    if let Some(done) = publish(apply, &registered, &members, &version, &text).await? {
        return Ok(done);
    }
    converge(&registered, &version, apply.wait).await
}

/// Publishes it if nobody else does meanwhile. An exit code if that is the end of it.
async fn publish(
    apply: &cli::Apply,
    registered: &Registered,
    members: &Members,
    version: &str,
    text: &str,
) -> Result<Option<ExitCode>, String> {
    let before = members.applied.as_deref();
    if let Some(expected) = &apply.replaces
        && before.map(|applied| &applied.version) != Some(expected)
    {
        return Ok(Some(overtaken(before)));
    }
    if before.is_some_and(|applied| applied.version == version) {
        print(&format!("version {version} is applied already\n"));
        return Ok(None);
    }
    let revision = before.map_or(0, |applied| applied.revision);
    let applied = Applied::new(version.to_owned(), text, who(), SystemTime::now());
    let config = &registered.config;
    let published = applied.publish(&registered.etcd, config, revision).await;
    match published.map_err(|error| error.to_string())? {
        Application::Done(_) => {
            print(&format!("version {version} is applied\n"));
            Ok(None)
        }
        Application::Overtaken(there) => Ok(Some(overtaken(there.as_ref()))),
    }
}

/// Something else was applied than was seen before.
fn overtaken(there: Option<&Applied>) -> ExitCode {
    match there {
        Some(there) => eprintln!(
            "perigee: nothing is applied: version {} of {} came first; look at it, and apply again",
            there.version, there.by
        ),
        None => eprintln!("perigee: nothing is applied: nothing was applied before"),
    }
    ExitCode::FAILURE
}

/// Who applies, for people.
fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    format!("{user}@{host}")
}

/// Waits until every registered node runs it.
async fn converge(registered: &Registered, version: &str, wait: Duration) -> Outcome {
    let begun = Instant::now();
    loop {
        let members = registered.look().await?;
        let behind = members
            .nodes
            .iter()
            .filter(|n| n.news.config_version != version);
        let (all, behind) = (members.nodes.len(), behind.count());
        if behind == 0 || begun.elapsed() >= wait {
            print(&table(&members, version).to_string());
            let seconds = begun.elapsed().as_secs_f64();
            return Ok(match (all, behind) {
                (0, _) => {
                    print("no node is registered yet\n");
                    ExitCode::SUCCESS
                }
                (_, 0) => {
                    print(&format!("all {all} nodes run it, after {seconds:.1} s\n"));
                    ExitCode::SUCCESS
                }
                _ if wait.is_zero() => ExitCode::SUCCESS,
                _ => {
                    eprintln!(
                        "perigee: {behind} of {all} nodes do not run it after {seconds:.1} s"
                    );
                    ExitCode::FAILURE
                }
            });
        }
        sleep(LOOK).await;
    }
}

fn table(members: &Members, version: &str) -> Table {
    let mut table = Table::new(&["node", "role", "version", "follows"]);
    for node in &members.nodes {
        let follows = match &node.news {
            news if news.config_version == version => "yes".to_owned(),
            news => format!("no: {}", news.problem.as_deref().unwrap_or("not yet")),
        };
        table.row([
            node.member.node.name.to_string(),
            node.member.node.role.as_str().to_owned(),
            node.news.config_version.clone(),
            follows,
        ]);
    }
    table
}
