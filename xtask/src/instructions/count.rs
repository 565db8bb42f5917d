//! Builds what is counted, and runs it under callgrind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
    thread,
};

use serde_json::Value;

use super::recorded::MadeWith;

/// Where the counting starts and where it pauses; see `bench/instructions/counted.rs`.
const TOGGLES: [&str; 2] = [
    "--toggle-collect=perigee_instructions::counted::counted*",
    "--toggle-collect=perigee_instructions::counted::uncounted*",
];

/// Copies by vector instructions, whatever their length: `rep movsb` counts each octet as an
/// instruction, and from which length on it is taken differs from processor to processor.
const COPIES: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824:\
                      glibc.cpu.x86_rep_stosb_threshold=1073741824";

/// Instructions for each request, by the name of what is counted.
pub(super) fn all(rows: &[String]) -> Result<BTreeMap<String, u64>, String> {
    let binary = build()?;
    let known = text(&output(&mut Command::new(&binary))?);
    let known: Vec<_> = known.lines().map(str::to_owned).collect();
    if let Some(unknown) = rows.iter().find(|row| !known.contains(row)) {
        return Err(format!("there is no {unknown}, only {}", known.join(", ")));
    }
    let wanted = if rows.is_empty() { &known } else { rows };
    fs::create_dir_all(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
    // Side by side: that changes no count.
    let waiting = Mutex::new(wanted.iter());
    let counts = Mutex::new(BTreeMap::new());
    let next = || waiting.lock().ok()?.next();
    let work = || -> Result<(), String> {
        while let Some(row) = next() {
            let count = one(&binary, row)?;
            if let Ok(mut counts) = counts.lock() {
                counts.insert(row.clone(), count);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut ends = workers.into_iter().map(|it| it.join());
        ends.try_for_each(|end| end.unwrap_or_else(|_| Err("a thread panicked".to_owned())))
    })?;
    counts.into_inner().map_err(|e| e.to_string())
}

fn one(binary: &Path, row: &str) -> Result<u64, String> {
    let profile = folder().join(row);
    let mut command = Command::new("valgrind");
    // What stands in the environment moves the stack, and so what is aligned.
    command.env_clear().env("GLIBC_TUNABLES", COPIES);
    command.arg("--tool=callgrind").args(TOGGLES);
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    let requests = text(&output(command.arg(binary).arg(row))?);
    let requests = requests.trim().parse::<u64>().ok().filter(|it| *it > 0);
    let requests = requests.ok_or_else(|| format!("{row} does not say how often it asked"))?;
    let profile = fs::read_to_string(&profile).map_err(|e| e.to_string())?;
    let total = total(&profile).filter(|total| *total > 0);
    Ok(total.ok_or_else(|| format!("{row}: nothing was counted"))? / requests)
}

/// What callgrind's file says of all that it counted.
fn total(profile: &str) -> Option<u64> {
    let mut lines = profile.lines();
    let total = lines.find_map(|line| line.strip_prefix("summary:"))?;
    total.trim().parse().ok()
}

/// Where callgrind's files are, for who wants to know more.
pub(super) fn folder() -> PathBuf {
    let target = std::env::current_exe().ok();
    let target = target
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."));
    target.join("instructions")
}

/// As it is released; its path.
fn build() -> Result<PathBuf, String> {
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--locked", "--message-format=json"]);
    let messages = text(&output(cargo.args(["--package", "perigee-instructions"]))?);
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = messages
        .filter_map(|it| Some(it["executable"].as_str()?.to_owned()))
        .next_back();
    binary
        .map(PathBuf::from)
        .ok_or_else(|| "nothing was built".to_owned())
}

fn cargo() -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.current_dir(super::ROOT);
    command
}

/// What the counts of this machine depend on.
pub(super) fn made_with() -> Result<MadeWith, String> {
    let mut valgrind = Command::new("valgrind");
    let valgrind =
        text(&output(valgrind.arg("--version")).map_err(|why| {
            format!("valgrind is needed for this (apt-get install valgrind): {why}")
        })?);
    let rustc = text(&output(
        Command::new("rustc").args(["--version", "--verbose"]),
    )?);
    let said = |what: &str| {
        let line = rustc.lines().find_map(|line| line.strip_prefix(what));
        line.unwrap_or_default().to_owned()
    };
    let libc = output(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    Ok(MadeWith {
        target: said("host: "),
        rustc: said("release: "),
        valgrind: valgrind.trim().to_owned(),
        libc: libc.map_or_else(
            |_| "another libc".to_owned(),
            |it| text(&it).trim().to_owned(),
        ),
    })
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs to the end; what went wrong is told.
fn output(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    match output.status.success() {
        true => Ok(output),
        false => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("{name} failed: {}", errors.trim()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        let profile = "version: 1\nevents: Ir\nfn=(1) a\n1 2\n\nsummary: 31992130\n\ntotals: 3\n";
        assert_eq!(total(profile), Some(31_992_130));
        assert_eq!(total("events: Ir\n"), None);
    }
}
