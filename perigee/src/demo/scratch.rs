//! The folder with the demo's files. It goes when the demo ends, however it ends.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::parent;

/// A folder of our own, removed when dropped. Children remove it when the demo was killed.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        let name: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(8)
            .collect();
        let folder = std::env::temp_dir().join(format!("{}{name}", parent::FOLDER_PREFIX));
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
