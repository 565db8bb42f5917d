//! The last view, kept in a file, so that a node can start while etcd is away. It may hold secrets
//! that are in the configuration, so only its owner may read it.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use super::Members;

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// What was kept; `None` if nothing was.
///
/// # Errors
/// A text that says why it cannot be used.
pub(super) fn read(file: &Path) -> Result<Option<Members>, String> {
    let fault = |why: String| format!("the last view in {}: {why}", file.display());
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error.to_string())),
    };
    let mut bytes = Vec::new();
    let read = opened.take(MAX_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| fault(error.to_string()))?;
    Members::of_kept(&bytes).map(Some).map_err(fault)
}

/// Keeps it. By rename: there is always one that is whole.
pub(super) fn write(file: &Path, members: &Members) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(&new)?;
    opened.write_all(&members.to_keep())?;
    opened.sync_all()?;
    fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("view.json");
        assert_eq!(read(&file), Ok(None));
        write(&file, &Members::nobody()).expect("writes");
        assert!(read(&file).expect("reads").is_some());
        fs::write(&file, "{ half").expect("writes");
        assert!(read(&file).expect_err("garbled").contains("view.json"));
    }
}
