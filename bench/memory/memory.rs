//! What the processes of a server take.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::servers::Running;

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Of its own and shared between its processes.
    pub(crate) memory: u64,
    /// Blocks of the files in its folder.
    pub(crate) files: u64,
}

impl Usage {
    pub(crate) fn of(running: &Running) -> Usage {
        let processes = tree(running.process.id());
        let own: u64 = processes.iter().map(|id| status(*id, "RssAnon:")).sum();
        // Processes of one server map the same memory: it counts once.
        let shared = processes.iter().map(|id| status(*id, "RssShmem:")).max();
        Usage {
            memory: own + shared.unwrap_or(0),
            files: blocks(running.folder.path()),
        }
    }
}

/// A process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(id) = all.get(next) {
        let path = format!("/proc/{id}/task/{id}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        all.extend(
            children
                .split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
        next += 1;
    }
    all
}

fn status(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn blocks(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => blocks(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
