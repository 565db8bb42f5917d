//! The file of counts.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::{Deserialize, Serialize};

/// What the file begins with.
const ABOUT: &str = "\
# Instructions for each request, or each answer of the name server, in user code of the server alone
# (bench/instructions). CI counts them again, and fails when one has grown by more than 3 %.
# Written by: cargo xtask instructions --record \"REASON\"

";

/// All counts.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) made_with: MadeWith,
    pub(super) rows: BTreeMap<String, Row>,
}

/// What else a count depends on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeWith {
    /// Such as `x86_64-unknown-linux-gnu`.
    pub(super) target: String,
    pub(super) rustc: String,
    pub(super) valgrind: String,
    pub(super) libc: String,
}

impl fmt::Display for MadeWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MadeWith {
            target,
            rustc,
            valgrind,
            libc,
        } = self;
        write!(f, "rustc {rustc}, {valgrind}, {libc} on {target}")
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) instructions: u64,
    /// Why it is as many as that, and not what it was before.
    pub(super) reason: String,
}

impl Recorded {
    /// Reads the file; without one nothing is recorded.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        fs::write(path, self.text()?).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn text(&self) -> Result<String, String> {
        let text = toml::to_string(self).map_err(|e| e.to_string())?;
        Ok(format!("{ABOUT}{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let row = Row {
            instructions: 5_310,
            reason: "head \"precomputed\"".to_owned(),
        };
        let recorded = Recorded {
            made_with: MadeWith::default(),
            rows: BTreeMap::from([("hit".to_owned(), row)]),
        };
        let text = recorded.text().unwrap();
        assert!(text.starts_with("# Instructions for each request"));
        assert_eq!(toml::from_str::<Recorded>(&text), Ok(recorded));
    }

    #[test]
    fn the_committed_file_can_be_read() {
        let path = Path::new(super::super::ROOT).join("bench/instructions.toml");
        let recorded = Recorded::read(&path).unwrap();
        for name in ["hit", "miss", "dns-a"] {
            assert!(recorded.rows[name].instructions > 0);
            assert!(!recorded.rows[name].reason.is_empty());
        }
    }
}
