//! A file that has been read and found good.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use crate::{
    problem::Problem,
    read,
    sections::File,
    validate::{self, Extent},
};

/// The largest file that is read.
const MAX_FILE: u64 = 8 << 20;

/// A valid configuration of a whole CDN. See `docs/configuration.md` for its keys.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) file: File,
    /// The folder that paths are relative to.
    pub(crate) folder: PathBuf,
    pub(crate) text: Arc<str>,
    version: u64,
    /// When the text came to be, in seconds since 1970, if that is known.
    pub(crate) published: Option<u32>,
}

/// Reads and validates the text of a configuration. `file` names it in problems, and paths in it
/// are relative to that file's folder; nothing is read from there. With `[membership]` it may be of
/// one node alone, and lack what was applied: see [`Document::effective`].
///
/// # Errors
/// All problems that could be found at once, in the order of the text.
pub fn parse(text: &str, file: &Path) -> Result<Document, Vec<Problem>> {
    parse_with(text, file, |read| match read.membership {
        Some(_) => Extent::Part,
        None => Extent::Whole,
    })
}

/// The same of a text that must be whole, as one that is applied.
///
/// # Errors
/// All problems that could be found at once, in the order of the text.
pub fn parse_whole(text: &str, file: &Path) -> Result<Document, Vec<Problem>> {
    parse_with(text, file, |_| Extent::Whole)
}

fn parse_with(
    text: &str,
    file: &Path,
    extent: impl Fn(&File) -> Extent,
) -> Result<Document, Vec<Problem>> {
    let checked = read::read(text, file).and_then(|read| {
        let problems = validate::validate(&read, text, file, extent(&read));
        if problems.is_empty() {
            Ok(read)
        } else {
            Err(problems)
        }
    });
    match checked {
        Ok(read) => Ok(Document {
            file: read,
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            text: text.into(),
            version: version_of(text),
            published: None,
        }),
        Err(mut problems) => {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            problems.dedup();
            Err(problems)
        }
    }
}

impl Document {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// [`LoadError`] if it cannot be read, is too large (8 MiB), or has problems.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        // Before it is read: a text that is newer than its time is read again.
        let published = modified(path);
        let text = Document::read(path)?;
        let document = parse(&text, path).map_err(LoadError::Invalid)?;
        Ok(Document {
            published,
            ..document
        })
    }

    /// The same, published at this time, in seconds since 1970: by it the serial number of the zone
    /// counts up.
    pub fn published_at(self, seconds: u64) -> Self {
        Document {
            published: u32::try_from(seconds).ok(),
            ..self
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`LoadError`] if it cannot be read, or is too large (8 MiB).
    pub fn read(path: &Path) -> Result<String, LoadError> {
        let unreadable = |why: String| LoadError::Unreadable {
            file: path.to_owned(),
            why,
        };
        let file = fs::File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unreadable("there is no such file; name another".to_owned()),
            _ => unreadable(error.to_string()),
        })?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(unreadable("it is larger than 8 MiB".to_owned()));
        }
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            unreadable(format!("it is not UTF-8 text (see byte {at})"))
        })
    }

    /// The same, of the version that this text has.
    pub(crate) fn of_version(self, text: &str) -> Self {
        Document {
            version: version_of(text),
            ..self
        }
    }

    /// A short hash of the file's text, comments included: 12 hexadecimal digits, the same on
    /// every machine and in every release.
    pub fn version(&self) -> String {
        format!("{:012x}", self.version >> 16)
    }

    /// The same as a number of 32 bits.
    pub(crate) fn version_number(&self) -> u32 {
        (self.version >> 32) as u32
    }
}

/// When a file was written, in seconds since 1970.
fn modified(path: &Path) -> Option<u32> {
    let time = fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()?;
    u32::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

fn version_of(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// Why a file was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It cannot be read at all.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// It has problems, in the order of the text.
    Invalid(Vec<Problem>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { file, why } => {
                write!(f, "cannot read {}: {why}", file.display())
            }
            LoadError::Invalid(problems) => {
                for (n, problem) in problems.iter().enumerate() {
                    let between = if n == 0 { "" } else { "\n\n" };
                    write!(f, "{between}{problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LoadError {}
