//! What one value alone cannot tell: references, duplicates, what needs what.

mod addresses;
mod dns;
mod membership;
mod nodes;
mod policies;
mod secrets;
mod services;
mod storage;
mod trust;
mod zone;

pub(crate) use secrets::SHORTEST;

use std::{collections::HashMap, hash::Hash, ops::Range, path::Path};

use crate::{problem::Problem, sections::File};

/// Everything that is wrong with a file whose keys and values are right by themselves.
pub(crate) fn validate(file: &File, text: &str, path: &Path, extent: Extent) -> Vec<Problem> {
    let mut report = Report {
        text,
        path,
        extent,
        problems: Vec::new(),
    };
    secrets::check(file, &mut report);
    trust::check(file, &mut report);
    membership::check(file, &mut report);
    nodes::check(file, &mut report);
    addresses::check(file, &mut report);
    dns::check(file, &mut report);
    services::check(file, &mut report);
    storage::check(file, &mut report);
    // Names that are there twice, or have no place, are told by then.
    if report.problems.is_empty() {
        zone::check(file, &mut report);
    }
    report.problems
}

/// How much of a configuration a file must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// What one node knows by itself; the rest comes from what was applied.
    Part,
}

/// Collects problems.
pub(crate) struct Report<'a> {
    text: &'a str,
    path: &'a Path,
    extent: Extent,
    problems: Vec<Problem>,
}

impl Report<'_> {
    /// Whether what is not here may come from elsewhere.
    fn is_part(&self) -> bool {
        self.extent == Extent::Part
    }

    /// Notes a problem, and what to do.
    fn error(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let help: String = help.into();
        self.problems.push(Problem::new(
            self.path.to_owned(),
            self.text,
            span,
            message.into(),
            Some(help).filter(|help| !help.is_empty()),
        ));
    }

    /// The line that a position is on.
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

/// Things of which there may be one of each.
struct Unique<K> {
    seen: HashMap<K, Range<usize>>,
}

impl<K: Eq + Hash> Unique<K> {
    fn new() -> Self {
        Unique {
            seen: HashMap::new(),
        }
    }

    /// Notes that `key` stands at `span`; answers with where it stood before.
    fn insert(&mut self, key: K, span: &Range<usize>) -> Option<Range<usize>> {
        match self.seen.get(&key) {
            Some(first) => Some(first.clone()),
            None => {
                self.seen.insert(key, span.clone());
                None
            }
        }
    }
}
