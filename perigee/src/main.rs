//! One binary: the CDN that one person can run.

mod admin;
mod cli;
mod commands;
mod demo;
mod machine;
mod origin;
mod parent;
mod run;
mod style;
mod table;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if let Some(folder) = cli.exit_with_parent.clone() {
        parent::watch(folder.into());
    }
    let code = commands::run(cli).unwrap_or_else(|why| {
        eprintln!("perigee: {why}");
        ExitCode::FAILURE
    });
    match style::lost() {
        None => code,
        Some(why) => {
            eprintln!("perigee: the output is not whole: {why}");
            ExitCode::FAILURE
        }
    }
}
