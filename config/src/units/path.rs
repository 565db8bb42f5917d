//! Paths of files.

use std::path::{Path, PathBuf};

use super::scalar::{Scalar, scalar};

/// A path, as written: relative to the folder of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath(String);

impl FilePath {
    /// The path, seen from the folder of the configuration file.
    pub(crate) fn from(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }
}

impl Scalar for FilePath {
    const EXPECTED: &'static str = "the path of a file, relative to this one";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err(format!("{text:?} is not a path: write {}", Self::EXPECTED));
        }
        Ok(FilePath(text.to_owned()))
    }
}

scalar!(FilePath, { "type": "string", "minLength": 1 });
