//! What each subcommand does.

mod apply;
mod cache;
mod dnssec;
mod drain;
mod explain;
mod fleet;
mod purge;
mod query;
mod registered;
mod status;
mod tier_certs;

use std::{future::Future, process::ExitCode};

use perigee_config::Document;
use perigee_edge::MemoryConfig;

use crate::{
    cli::{Check, Cli, Command, Explained, LogLevel, OriginServer},
    demo,
    machine::Memory,
    origin::{OriginRole, Source},
    run::{self, Process, Role, Settings, Terms},
    style::print,
    telemetry,
};

/// The exit code, or why there is none to be proud of.
pub(crate) type Outcome = Result<ExitCode, String>;

/// Runs what the command line says.
pub(crate) fn run(cli: Cli) -> Outcome {
    let level = cli.log_level;
    match cli.command {
        Command::Demo(options) => block_on(demo::run(options)),
        Command::Edge(edge) => served(block_on(async {
            match (&edge.config, &edge.node, &edge.origin) {
                (Some(config), Some(node), _) => {
                    let (config, node) = (config.clone(), node.clone());
                    run::run_edge(&crate::cli::Node { config, node }, level).await
                }
                (_, _, Some(origin)) => run::run_standalone(&edge, origin, level).await,
                _ => Err("say --origin, or --config and --node".into()),
            }
        })),
        Command::Shield(node) => served(block_on(run::run_shield(&node, level))),
        Command::Geodns(node) => served(block_on(run::run_geodns(&node, level))),
        Command::Check(check) => check_file(&check),
        Command::Apply(apply) => block_on(apply::run(&apply)),
        Command::Schema => {
            print(&perigee_config::schema());
            Ok(ExitCode::SUCCESS)
        }
        Command::Purge(purge) => block_on(purge::run(&purge)),
        Command::Status(status) => block_on(status::run(&status)),
        Command::TierCerts(options) => tier_certs::run(&options),
        Command::Dnssec(options) => dnssec::run(&options),
        Command::Drain(drain) => block_on(drain::run(&drain)),
        Command::Explain(explain) => match explain.what {
            Explained::Http(http) => block_on(explain::run(&http)),
            Explained::Dns(dns) => block_on(explain::dns::run(&dns)),
        },
        Command::Cache(cache) => block_on(cache::run(&cache)),
        Command::Query(query) => block_on(query::run(&query)),
        Command::Origin(origin) => served(block_on(serve_origin(&origin, level))),
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(future)
}

fn served(result: Result<(), String>) -> Outcome {
    result.map(|()| ExitCode::SUCCESS)
}

fn check_file(check: &Check) -> Outcome {
    let document = match Document::load(&check.file) {
        Ok(document) => document,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let env = |name: &str| std::env::var(name).ok();
    for note in document.notes(&env).into_iter().chain(memory(&document)) {
        print(&format!("note: {note}\n"));
    }
    let file = check.file.display();
    let broken = document.broken(&env);
    for why in &broken {
        eprintln!("error: {why}");
    }
    if !broken.is_empty() {
        eprintln!("{file} is right, but not what it names");
        return Ok(ExitCode::FAILURE);
    }
    let nodes = document.nodes().len();
    if nodes == 0 && !document.nodes_register() {
        print("note: there is no edge, so that nothing can be started; write [[edges]]\n");
    }
    let plural = if nodes == 1 { "" } else { "s" };
    let version = document.version();
    print(&format!(
        "{file} is right: {nodes} node{plural}, version {version}\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// What the memory of this machine is too little for: the file may be of another one.
fn memory(document: &Document) -> Option<String> {
    let machine = Memory::of_this_machine().filter(|_| document.stores())?;
    match document.memory() {
        None => machine.lessens(run::MEMORY, &MemoryConfig::default()),
        Some(written) => machine
            .refuses(run::MEMORY, written)
            .map(|why| format!("no edge or shield of this file starts on this machine: {why}")),
    }
}

async fn serve_origin(origin: &OriginServer, level: Option<LogLevel>) -> Result<(), String> {
    telemetry::diagnostics(level.unwrap_or(LogLevel::Info));
    let settings = Settings {
        admin: origin.admin.map(|address| (address, None)),
        drain: Terms {
            grace: std::time::Duration::ZERO,
            deadline: std::time::Duration::from_secs(5),
        },
    };
    let mut process = Process::prepare(settings).await?;
    let source = origin.folder.clone().map_or(Source::Sample, Source::Folder);
    let role = OriginRole::start(source, origin.listen, &mut process.registry).await?;
    let role: std::sync::Arc<dyn Role> = std::sync::Arc::new(role);
    process.run(role, None).await;
    Ok(())
}
