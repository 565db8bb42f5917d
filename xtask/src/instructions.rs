//! Counts the instructions of what `bench/instructions` does, and compares them with
//! `bench/instructions.toml`.

mod count;
mod recorded;
mod verdict;

use std::path::Path;

use clap::Args;
use recorded::{Recorded, Row};
use verdict::Verdict;

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to count, such as `hit`; all by default.
    rows: Vec<String>,
    /// Writes what is counted into bench/instructions.toml, with this reason for what changed.
    #[arg(long, value_name = "REASON")]
    record: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let file = Path::new(ROOT).join("bench/instructions.toml");
    let mut recorded = Recorded::read(&file)?;
    let here = count::made_with()?;
    let counts = count::all(&options.rows)?;
    let comparable = recorded.made_with.target == here.target;
    if !recorded.rows.is_empty() && recorded.made_with != here {
        println!(
            "recorded with {}, counted with {here}: that makes a difference, too\n",
            recorded.made_with
        );
    }
    println!("{:<20} {:>9} {:>9} {:>8}", "", "recorded", "now", "change");
    let mut failed = Vec::new();
    for (name, now) in &counts {
        let before = recorded.rows.get(name).map(|row| row.instructions);
        let verdict = Verdict::of(before, *now);
        println!("{}", verdict.line(name, before, *now));
        if verdict.fails() {
            failed.push(name.as_str());
        }
    }
    println!(
        "\nwhat they were spent on: callgrind_annotate {}",
        count::folder().display()
    );
    let gone = recorded
        .rows
        .keys()
        .filter(|name| !counts.contains_key(*name));
    let gone: Vec<_> = gone.filter(|_| options.rows.is_empty()).cloned().collect();
    if let Some(reason) = &options.record {
        recorded.rows.retain(|name, _| !gone.contains(name));
        for (name, instructions) in counts {
            let row = recorded.rows.entry(name);
            let row = row.or_insert_with(|| Row {
                instructions: 0,
                reason: String::new(),
            });
            if row.instructions != instructions {
                *row = Row {
                    instructions,
                    reason: reason.clone(),
                };
            }
        }
        recorded.made_with = here;
        return recorded.write(&file);
    }
    failed.extend(gone.iter().map(String::as_str));
    verdict(&failed, comparable, &file)
}

fn verdict(failed: &[&str], comparable: bool, file: &Path) -> Result<(), String> {
    if failed.is_empty() {
        return Ok(());
    }
    let failed = failed.join(", ");
    if !comparable {
        println!("another kind of processor than was recorded: nothing is concluded");
        return Ok(());
    }
    Err(format!(
        "{failed}: more than {} % more instructions than {} says, or not recorded alike. If that is \
         to be so: cargo xtask instructions --record \"REASON\"",
        verdict::MOST_PERCENT,
        file.display()
    ))
}
