//! The folder of a store: its lock, its header file, and its segments by name.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{
    files::{Files, Lock},
    format::FORMAT,
};

const LOCK: &str = "LOCK";
const HEADER: &str = "store.toml";
const SEGMENT: &str = "segment-";

/// A folder that this process has the lock of.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Part of every checksum in the folder.
    pub(super) store: u64,
    /// What was there already, by number, oldest first.
    pub(super) found: Vec<Named>,
    _lock: Box<dyn Lock>,
}

/// A segment as the folder lists it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) seq: u64,
    pub(super) path: PathBuf,
    pub(super) length: u64,
}

impl Folder {
    /// Makes the folder if need be, takes its lock, reads or writes its header file.
    pub(super) fn open(files: &dyn Files, path: &Path) -> Result<Folder, OpenError> {
        files.make_folder(path)?;
        let lock = match files.lock(&path.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(OpenError::Locked(path.to_owned()));
            }
            lock => lock?,
        };
        let header = path.join(HEADER);
        let store = match files.read(&header) {
            Ok(bytes) => {
                let store = read_header(&header, &bytes)?;
                if store.is_none() {
                    let header = header.display();
                    tracing::warn!(%header, "this cannot be understood: the cache begins empty");
                }
                store
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let store = match store {
            Some(store) => store,
            None => {
                let store = fastrand::u64(..);
                files.write(&header, write_header(store).as_bytes())?;
                store
            }
        };
        Ok(Folder {
            found: list(files, path)?,
            path: path.to_owned(),
            store,
            _lock: lock,
        })
    }

    /// Whether the folder is still there, as this process has locked it.
    pub(super) fn is_there(&self, files: &dyn Files) -> bool {
        let header = files.read(&self.path.join(HEADER));
        header.is_ok_and(|bytes| matches!(read_header(&self.path, &bytes), Ok(Some(store)) if store == self.store))
    }

    pub(super) fn segment(&self, seq: u64) -> PathBuf {
        self.path.join(format!("{SEGMENT}{seq:016x}"))
    }
}

fn list(files: &dyn Files, path: &Path) -> io::Result<Vec<Named>> {
    let named = files.list(path)?.into_iter().filter_map(|file| {
        let name = file.path.file_name()?.to_str()?;
        let digits = name.strip_prefix(SEGMENT).filter(|d| d.len() == 16)?;
        Some(Named {
            seq: u64::from_str_radix(digits, 16).ok()?,
            length: file.length,
            path: file.path,
        })
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|named| named.seq);
    Ok(named)
}

fn write_header(store: u64) -> String {
    format!(
        "# The cache of a Perigee node. It may be removed while the node is down.\n\
         format = {FORMAT}\nid = \"{store:016x}\"\n"
    )
}

/// The store's id; `None` if this is no header file that can be understood, so that what is in the
/// folder cannot be either.
fn read_header(path: &Path, bytes: &[u8]) -> Result<Option<u64>, OpenError> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let (_, value) = lines.find(|(key, _)| key.trim() == name)?;
        Some(value.trim().trim_matches('"'))
    };
    let Some(format) = value("format").and_then(|v| v.parse::<u32>().ok()) else {
        return Ok(None);
    };
    if format != FORMAT {
        return Err(OpenError::UnknownFormat {
            path: path.to_owned(),
            found: format,
        });
    }
    let id = value("id").filter(|id| id.len() == 16);
    Ok(id.and_then(|id| u64::from_str_radix(id, 16).ok()))
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub enum OpenError {
    /// Written by a version of Perigee that keeps its store in another way.
    UnknownFormat {
        /// The header file.
        path: PathBuf,
        /// The version that it names.
        found: u32,
    },
    /// Another process uses this folder.
    Locked(PathBuf),
    /// It cannot be made, read or written to now.
    Unusable(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        OpenError::Unusable(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::UnknownFormat { path, found } => write!(
                f,
                "{} has format version {found}, and this perigee knows version {FORMAT} alone: \
                 run the version that wrote it, or remove the folder to begin with an empty cache",
                path.display()
            ),
            OpenError::Locked(path) => write!(
                f,
                "{} is used by another process: each node needs a folder of its own",
                path.display()
            ),
            OpenError::Unusable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}
