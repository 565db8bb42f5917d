//! Where logs go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::scalar::{Scalar, scalar};

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessLogTarget {
    /// To standard output.
    Stdout,
    /// To standard error.
    Stderr,
    /// Nowhere.
    Off,
    /// Appended to this file.
    File(String),
}

impl Scalar for AccessLogTarget {
    const EXPECTED: &'static str = r#""stdout", "stderr", "off" or the path of a file"#;

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "stdout" => Ok(AccessLogTarget::Stdout),
            "stderr" => Ok(AccessLogTarget::Stderr),
            "off" => Ok(AccessLogTarget::Off),
            // So that a slip in one of the words above does not make a file of that name.
            path if path.contains(['/', '.']) => Ok(AccessLogTarget::File(path.to_owned())),
            _ => Err(format!(
                "{text:?} is no place for a log: write {} with a dot or slash in it",
                Self::EXPECTED
            )),
        }
    }
}

scalar!(AccessLogTarget, { "type": "string", "examples": ["stdout", "stderr", "off", "/var/log/perigee/access.log"] });

impl Serialize for AccessLogTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            AccessLogTarget::Stdout => "stdout",
            AccessLogTarget::Stderr => "stderr",
            AccessLogTarget::Off => "off",
            AccessLogTarget::File(path) => path,
        })
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LevelName {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
