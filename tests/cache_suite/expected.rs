//! What is expected of every test: `expected.toml`.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::{
    outcome::{Came, Outcome, Outcomes},
    suite::{Kind, Test},
};

/// What the suite is run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `perigee edge --listen ... --origin ...`, and no more.
    Edge,
    /// A file with one PoP of two edges, and a shield.
    Cdn,
    /// A single edge that answers no hit by the short way: all is as with it.
    LongWay,
    /// A single edge that serves a connection through `io_uring` from its first hit on: likewise.
    IoUring,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Mode::Edge, Mode::Cdn, Mode::LongWay, Mode::IoUring];
        all.into_iter().find(|mode| mode.short() == name)
    }

    fn short(self) -> &'static str {
        match self {
            Mode::Edge => "edge",
            Mode::Cdn => "cdn",
            Mode::LongWay => "long-way",
            Mode::IoUring => "io-uring",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Edge => "single edge",
            Mode::Cdn => "whole CDN",
            Mode::LongWay => "single edge, at_once = false",
            Mode::IoUring => "single edge, io_uring_after = 1",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) suite: About,
    /// The ids of the required tests.
    pub(crate) required: Vec<String>,
    /// The ids of the optimal tests.
    pub(crate) optimal: Vec<String>,
    /// Those of both that do not simply pass.
    #[serde(default)]
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) checks: Vec<Check>,
}

/// Of which suite this speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    pub(crate) commit: String,
    pub(crate) measured: String,
}

/// A required or optimal test that does not pass in one mode or the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    pub(crate) id: String,
    #[serde(default)]
    edge: Outcome,
    #[serde(default)]
    cdn: Outcome,
    /// What it asks, in our words.
    pub(crate) asks: String,
    pub(crate) why: String,
}

/// A check: it asks what a cache does, and no answer is wrong by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub(crate) id: String,
    edge: Outcome,
    /// Where it differs from `edge`.
    cdn: Option<Outcome>,
    /// What it asks, in our words: a question.
    pub(crate) asks: String,
    pub(crate) why: String,
    /// Why the whole CDN differs from a single edge, where it does.
    pub(crate) cdn_why: Option<String>,
}

impl Expected {
    pub(crate) fn read() -> Self {
        toml::from_str(include_str!("expected.toml")).unwrap_or_else(|e| panic!("{e}"))
    }

    /// What is expected of a test that is named here.
    pub(crate) fn of(&self, id: &str, mode: Mode) -> Outcome {
        let check = self.checks.iter().find(|check| check.id == id);
        let exception = self.exceptions.iter().find(|exception| exception.id == id);
        match (mode, check, exception) {
            (Mode::Cdn, Some(check), _) => check.cdn.unwrap_or(check.edge),
            (_, Some(check), _) => check.edge,
            (Mode::Cdn, _, Some(exception)) => exception.cdn,
            (_, _, Some(exception)) => exception.edge,
            (_, None, None) => Outcome::Pass,
        }
    }

    fn ids(&self, kind: Kind) -> Vec<&String> {
        match kind {
            Kind::Required => self.required.iter().collect(),
            Kind::Optimal => self.optimal.iter().collect(),
            Kind::Check => self.checks.iter().map(|check| &check.id).collect(),
        }
    }

    /// How many tests of a kind are expected to come out so, and of how many.
    pub(crate) fn tally(&self, kind: Kind, mode: Mode, outcome: Outcome) -> (usize, usize) {
        let ids = self.ids(kind);
        let such = ids.iter().filter(|id| self.of(id, mode) == outcome);
        (such.count(), ids.len())
    }

    /// Tests that the suite has and this file has not, the other way round, and of other kinds.
    pub(crate) fn against(&self, tests: &BTreeMap<String, Test>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut known = BTreeMap::new();
        for kind in [Kind::Required, Kind::Optimal, Kind::Check] {
            known.extend(self.ids(kind).into_iter().map(|id| (id.as_str(), kind)));
        }
        for (id, test) in tests {
            match known.remove(id.as_str()) {
                None => wrong.push(format!("NEW {id} ({:?}): {}", test.kind, test.name)),
                Some(kind) if kind != test.kind => {
                    wrong.push(format!("KIND {id}: was {kind:?}, is {:?}", test.kind));
                }
                Some(_) => {}
            }
        }
        wrong.extend(
            known
                .keys()
                .map(|id| format!("GONE {id}: the suite has it no more")),
        );
        let unknown = self.exceptions.iter().map(|exception| &exception.id);
        let unknown =
            unknown.filter(|id| !self.required.contains(id) && !self.optimal.contains(id));
        wrong.extend(unknown.map(|id| format!("GONE {id}: an exception to nothing")));
        wrong
    }

    /// What came out otherwise than expected. Tests that this file does not know are left to
    /// `against`.
    pub(crate) fn differences(
        &self,
        mode: Mode,
        tests: &BTreeMap<String, Test>,
        came: &Outcomes,
    ) -> Vec<String> {
        let missing = Came {
            outcome: Outcome::Error,
            said: "no result".to_owned(),
        };
        let all = [Kind::Required, Kind::Optimal, Kind::Check];
        let ids = all.into_iter().flat_map(|kind| self.ids(kind));
        let known = ids.filter_map(|id| Some((id, tests.get(id)?)));
        known
            .filter_map(|(id, test)| {
                let (expected, came) = (self.of(id, mode), came.get(id).unwrap_or(&missing));
                (!came.outcome.meets(expected)).then(|| {
                    let Came { outcome, said } = came;
                    let (kind, name) = (test.kind, &test.name);
                    format!(
                        "DIFFERS {id} ({kind:?}, {mode}): {name}\n    expected {expected}, came {outcome} {said}"
                    )
                })
            })
            .collect()
    }
}
