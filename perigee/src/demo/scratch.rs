//! The folder with the demo's files. It goes when the demo ends, however it ends.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use crate::parent;

/// A folder of our own, removed when dropped. Children remove it when the demo was killed.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        let base = std::env::temp_dir();
        sweep(&base);
        let random: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(8)
            .collect();
        let name = format!("{}{}-{random}", parent::FOLDER_PREFIX, std::process::id());
        let folder = base.join(name);
        // Only ours: others must not swap files under us.
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Scratch(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, content)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        parent::remove(&self.0);
    }
}

/// Removes what demos left that were killed in the moment before they had children.
fn sweep(base: &Path) {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if name.to_str().and_then(owner).is_some_and(is_gone) {
            parent::remove(&entry.path());
        }
    }
}

/// The process that a folder of this name belongs to.
fn owner(name: &str) -> Option<Pid> {
    let (id, _random) = name.strip_prefix(parent::FOLDER_PREFIX)?.split_once('-')?;
    Pid::from_raw(id.parse().ok().filter(|id| *id > 0)?)
}

fn is_gone(process: Pid) -> bool {
    test_kill_process(process) == Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_demos_left_is_swept() {
        let base = tempfile::tempdir().expect("a folder");
        let mut child = std::process::Command::new("true").spawn().expect("starts");
        child.wait().expect("ends");
        let dead = format!("perigee-demo-{}-x", child.id());
        let alive = format!("perigee-demo-{}-x", std::process::id());
        let names = [
            &*dead,
            &*alive,
            "perigee-demo-x",
            "perigee-demo-0-x",
            "other",
        ];
        for name in names {
            fs::create_dir(base.path().join(name)).expect("makes");
        }
        sweep(base.path());
        let left = names.map(|name| base.path().join(name).exists());
        assert_eq!(left, [false, true, true, true, true]);
    }
}
