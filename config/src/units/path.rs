//! Paths of files.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::scalar::{Scalar, scalar};

/// A path, as written: relative to the folder of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath(String);

impl FilePath {
    /// This text; for defaults.
    pub(crate) fn of(text: &str) -> Self {
        FilePath(text.to_owned())
    }

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

/// A path in which `{node}` stands for the name of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodePath(String);

impl NodePath {
    /// The path of this node, seen from the folder of the configuration file.
    pub(crate) fn of(&self, folder: &Path, node: &str) -> PathBuf {
        folder.join(self.0.replace("{node}", node))
    }
}

impl Scalar for NodePath {
    const EXPECTED: &'static str = "the path of a file, relative to this one";

    fn from_text(text: &str) -> Result<Self, String> {
        FilePath::from_text(text).map(|path| NodePath(path.0))
    }
}

/// The path of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpPath(pub(crate) String);

impl HttpPath {
    /// This text; for defaults.
    pub(crate) fn of(text: &str) -> Self {
        HttpPath(text.to_owned())
    }
}

impl Scalar for HttpPath {
    const EXPECTED: &'static str = r#"the path of a URL, such as "/dns-query""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&b);
        match text.starts_with('/') && text.bytes().all(fits) {
            true => Ok(HttpPath(text.to_owned())),
            false => Err(format!("{text:?} is not a path: write {}", Self::EXPECTED)),
        }
    }
}

impl Serialize for HttpPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

scalar!(HttpPath, { "type": "string", "pattern": "^/" });

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for NodePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

scalar!(FilePath, { "type": "string", "minLength": 1 });
scalar!(NodePath, { "type": "string", "minLength": 1 });
