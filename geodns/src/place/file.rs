//! Files that are read again when they change.

use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use super::rows::TableError;

/// The largest table that is read: a million rows of 64 octets.
const MAX_TABLE: u64 = 64 << 20;

/// Why a file that tells places cannot be used; names the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceError(pub String);

impl PlaceError {
    pub(super) fn new(what: &str, path: &Path, why: impl fmt::Display) -> Self {
        PlaceError(format!("{what} {}: {why}", path.display()))
    }
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlaceError {}

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Stamp {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
        })
    }
}

/// What was read of a file, and which version of it that was.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    path: PathBuf,
    stamp: Stamp,
    pub(crate) content: T,
}

/// What is in use of a file, and why it is not what the file holds now, if so.
pub(crate) type Kept<T> = (Arc<Loaded<T>>, Option<PlaceError>);

impl<T> Loaded<T> {
    /// Takes what a file holds. What was read before stays if the file has not changed, and also
    /// if it now holds what cannot be used.
    ///
    /// # Errors
    /// If it cannot be used, and there is nothing from before.
    pub(crate) fn load<'b>(
        path: &Path,
        before: impl IntoIterator<Item = &'b Arc<Loaded<T>>>,
        read: impl FnOnce(&Path) -> Result<T, PlaceError>,
    ) -> Result<Kept<T>, PlaceError>
    where
        T: 'b,
    {
        let before = before.into_iter().find(|loaded| loaded.path == path);
        // The stamp is taken first: a file replaced in between is at worst read twice.
        let stamp = Stamp::of(path);
        if let Some(before) = before
            && stamp.as_ref().is_ok_and(|stamp| *stamp == before.stamp)
        {
            return Ok((Arc::clone(before), None));
        }
        let loaded = read(path).and_then(|content| {
            Ok(Loaded {
                path: path.to_owned(),
                stamp: stamp.map_err(|error| PlaceError::new("file", path, error))?,
                content,
            })
        });
        match (loaded, before) {
            (Ok(loaded), _) => Ok((Arc::new(loaded), None)),
            (Err(error), Some(before)) => Ok((Arc::clone(before), Some(error))),
            (Err(error), None) => Err(error),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a table.
pub(super) fn read_table<T>(
    what: &str,
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, TableError>,
) -> Result<T, PlaceError> {
    let refuse = |why: String| PlaceError::new(what, path, why);
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| refuse(error.to_string()))?;
    let read = file.take(MAX_TABLE + 1).read_to_string(&mut text);
    read.map_err(|error| refuse(error.to_string()))?;
    if text.len() as u64 > MAX_TABLE {
        return Err(refuse("it is larger than 64 MiB".to_owned()));
    }
    parse(&text).map_err(|error| refuse(error.to_string()))
}
