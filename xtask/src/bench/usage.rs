//! What the processes of a server use, read from /proc.

use std::{fs, path::Path};

/// The kernel's tick of user space, on all of Linux.
const TICK: f64 = 0.01;

/// A process and all below it.
pub(super) fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(id) = all.get(next).copied() {
        for thread in names(&format!("/proc/{id}/task")) {
            let path = format!("/proc/{id}/task/{thread}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    all
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// CPU seconds used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    /// Of the threads that live, to the nanosecond.
    threads: f64,
    /// Of those that have ended, too, to the tick.
    ticks: f64,
}

impl Cpu {
    pub(super) fn of(processes: &[u32]) -> Cpu {
        let mut cpu = Cpu::default();
        for id in processes {
            for thread in names(&format!("/proc/{id}/task")) {
                let path = format!("/proc/{id}/task/{thread}/schedstat");
                let text = fs::read_to_string(path).unwrap_or_default();
                let first = text.split_whitespace().next();
                cpu.threads += first.and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
            }
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let fields = stat.rsplit(')').next().unwrap_or_default();
            // utime and stime, the 14th and 15th field; the name, which may have blanks, was the second.
            let of = fields.split_whitespace().skip(11).take(2);
            cpu.ticks += of.filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() * TICK;
        }
        cpu
    }

    /// What was used since `before`. What threads used that have ended is in the ticks alone.
    pub(super) fn since(self, before: Cpu) -> f64 {
        let threads = self.threads - before.threads;
        let ticks = self.ticks - before.ticks;
        match threads < 0.9 * ticks {
            true => ticks,
            false => threads,
        }
    }
}

/// Whether any thread may run elsewhere than on these cores, which are a list as taskset(1) wants it.
pub(super) fn strays(processes: &[u32], cores: &str) -> bool {
    let allowed = |thread: &str| {
        let text = fs::read_to_string(thread).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.map(|line| line.trim().replace('-', ","))
    };
    processes.iter().any(|id| {
        names(&format!("/proc/{id}/task"))
            .iter()
            .filter_map(|thread| allowed(&format!("/proc/{id}/task/{thread}/status")))
            .any(|list| list != cores)
    })
}

/// Bytes of memory: what processes share is divided among them (PSS). Files that are mapped count too.
pub(super) fn memory(processes: &[u32]) -> u64 {
    let of = |id: &u32| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    };
    processes.iter().map(of).sum()
}

/// Bytes of the blocks of all files in a folder.
pub(super) fn blocks(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => blocks(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
