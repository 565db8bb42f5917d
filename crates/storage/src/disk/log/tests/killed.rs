//! A process that is killed while it writes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use bytes::Bytes;

use super::{super::*, kit::*};

/// Says to this very test, in a process of its own, where to write.
const FOLDER: &str = "PERIGEE_TEST_LOG_FOLDER";

const THIS: &str = "disk::log::tests::killed::what_was_written_survives_a_kill";

fn config_of(folder: &Path) -> LogConfig {
    let elsewhere = tempfile::tempdir().unwrap();
    LogConfig {
        folder: folder.to_owned(),
        segment: 1 << 20,
        size: 512 << 20,
        ..config(&elsewhere)
    }
}

fn body_of(key: u64) -> Bytes {
    bytes(key, (key * 977 % 30_000) as usize)
}

/// Writes keys from this one on, and says each once it is written, until it is killed.
fn write_on(folder: &Path, first: u64) {
    let log = started(config_of(folder));
    let mut out = std::io::stdout();
    for key in first.. {
        append(&log, key, new_key(&key.to_le_bytes(), key, &body_of(key))).unwrap();
        writeln!(out, "\nwritten {key}").unwrap();
    }
}

/// Has another process write, and kills it after so many keys; gives the last that it said.
fn killed(folder: &Path, first: u64, keys: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([THIS, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, format!("{first} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let enough = format!("written {}", first + keys);
    while line.trim() != enough {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said until then. The last line may be torn.
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let (rest, _) = rest.rsplit_once('\n').unwrap_or_default();
    let last = rest
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("written "));
    last.map_or(first + keys, |key| key.parse().unwrap())
}

#[test]
fn what_was_written_survives_a_kill() {
    if let Ok(told) = std::env::var(FOLDER) {
        let (first, folder) = told.split_once(' ').unwrap();
        return write_on(Path::new(folder), first.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        let first = (round + 1) * 1_000_000;
        let last = killed(&folder, first, 40 * round);
        acknowledged.extend(first..=last);
        let (log, _) = Log::open(config_of(&folder), Arc::new(RealFiles)).unwrap();
        let (mut found, recovery) = recovered(&log);
        assert_eq!(recovery.damaged, 0);
        found.sort_by_key(|found| found.key_hash);
        for key in &acknowledged {
            let at = found
                .binary_search_by_key(key, |found| found.key_hash)
                .unwrap();
            let record = log.read_key(found[at].place, found[at].length).unwrap();
            assert_eq!(record.payload, key.to_le_bytes()[..]);
            assert_eq!(record.blocks.unwrap().concat(), body_of(*key));
        }
    }
}
