//! What this machine is, and what it has installed.

use std::{env, fs, path::PathBuf, process::Command};

/// Finds a program as a shell of root does.
pub(super) fn is_installed(program: &str) -> bool {
    let path = env::var("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders
        .into_iter()
        .any(|folder| folder.join(program).is_file())
}

/// The first line that a program says of itself and that has a number.
pub(super) fn version(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let words = text.split(|c: char| c.is_whitespace() || "/()".contains(c));
    words
        .flat_map(|word| {
            word.split_once("varnish-")
                .map_or(vec![word], |(_, v)| vec![v])
        })
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))
        .map(|word| word.trim_end_matches([',', ';', '.']).to_owned())
}

/// Cores, processor, memory and kernel.
pub(super) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?.to_owned();
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = field(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kilobytes = memory
        .split(' ')
        .next()
        .and_then(|n| n.parse::<u64>().ok())
        .unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let gibibytes = (kilobytes as f64 / 1048576.0).round();
    format!("{cores} cores of {processor}, {gibibytes} GiB, Linux {kernel}")
}

/// Fails if there are fewer cores.
pub(super) fn cores(least: usize) -> Result<(), String> {
    match std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
        cores if cores >= least => Ok(()),
        cores => Err(format!("{cores} cores are here, and {least} are needed")),
    }
}

/// Lets this process and those that it starts open so many files, or fails.
pub(super) fn open_files(least: u64) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|now| now >= least) {
        return Ok(());
    }
    let wanted = Rlimit {
        current: Some(now.maximum.unwrap_or(least).max(least)),
        maximum: now.maximum,
    };
    setrlimit(Resource::Nofile, wanted).map_err(|_| {
        format!(
            "it may open {:?} files, and {least} are needed",
            now.maximum.unwrap_or(0)
        )
    })
}

/// How many threads wanted a core in the last minute.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0)
}

/// Today, as 2026-01-31.
pub(super) fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    output.map_or_else(
        |_| String::new(),
        |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
    )
}

/// The commit that is checked out.
pub(super) fn commit() -> String {
    let output = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    output.map_or_else(
        |_| String::new(),
        |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
    )
}
