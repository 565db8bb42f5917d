//! Chores of the project, started as `cargo xtask CHORE`.

mod bench;
mod instructions;

use std::process::ExitCode;

use clap::Parser;

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Compares Perigee with the servers that people would have assembled.
    Bench(bench::Options),
    /// Counts the instructions of a hit, a miss and a DNS answer, and compares them with what is
    /// recorded.
    Instructions(instructions::Options),
    /// What a bench starts beside the servers.
    #[command(subcommand, hide = true)]
    Helper(bench::helpers::Helper),
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Bench(options) => bench::run(&options),
        Chore::Instructions(options) => instructions::run(&options),
        Chore::Helper(helper) => bench::helpers::run(&helper),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
