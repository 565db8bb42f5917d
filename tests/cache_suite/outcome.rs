//! What the suite's client says of a test.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use serde_json::Value;

/// How a test came out. For a check, passing means yes, and failing means no.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    #[default]
    Pass,
    Fail,
    /// It never got as far as its question.
    Setup,
    /// Neither yes nor no: no answer came, or none that could be read.
    Error,
    /// Now yes, now no, for a reason. Expected of some checks; none comes out so.
    Varies,
}

impl Outcome {
    /// Whether this is what was expected.
    pub(crate) fn meets(self, expected: Outcome) -> bool {
        let is_answer = matches!(self, Outcome::Pass | Outcome::Fail);
        self == expected || expected == Outcome::Varies && is_answer
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Setup => "setup",
            Outcome::Error => "error",
            Outcome::Varies => "pass or fail",
        })
    }
}

/// An outcome, and what the client said of it.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) outcome: Outcome,
    pub(crate) said: String,
}

/// By test id.
pub(crate) type Outcomes = BTreeMap<String, Came>;

/// Reads what the client prints: an object of ids, each `true` or `[kind, text]`.
pub(crate) fn outcomes(printed: &str) -> Outcomes {
    let printed: BTreeMap<String, Value> = serde_json::from_str(printed)
        .unwrap_or_else(|e| panic!("the client printed no results ({e}): {printed}"));
    printed.into_iter().map(|(id, v)| (id, came(&v))).collect()
}

fn came(value: &Value) -> Came {
    let outcome = match (value, value[0].as_str()) {
        (Value::Bool(true), _) => Outcome::Pass,
        (_, Some("Assertion")) => Outcome::Fail,
        (_, Some("Setup")) => Outcome::Setup,
        _ => Outcome::Error,
    };
    let said = match outcome {
        Outcome::Pass => String::new(),
        _ => value.to_string(),
    };
    Came { outcome, said }
}

#[test]
fn results_are_read() {
    let came = outcomes(
        r#"{"a": true, "b": ["Assertion", "x"], "c": ["Setup", "y"], "d": ["TypeError", "z"]}"#,
    );
    let of = |id: &str| came[id].outcome;
    assert_eq!(
        [of("a"), of("b"), of("c"), of("d")],
        [Outcome::Pass, Outcome::Fail, Outcome::Setup, Outcome::Error]
    );
    assert!(of("a").meets(Outcome::Varies) && !of("c").meets(Outcome::Varies));
    assert!(of("a").meets(Outcome::Pass) && !of("a").meets(Outcome::Fail));
    assert_eq!(came["b"].said, r#"["Assertion","x"]"#);
}
