//! What was measured, kept in bench/results.json: a run of some rows replaces those rows.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

/// All that is known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) machine: String,
    /// By the name of the server.
    pub(super) versions: BTreeMap<String, String>,
    /// By the key of the row.
    pub(super) rows: BTreeMap<String, Measured>,
}

/// One row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) date: String,
    /// Of Perigee.
    pub(super) commit: String,
    /// Threads that wanted a core, in the minute before the end.
    pub(super) load: f64,
    pub(super) seconds: f64,
    /// Of each server, round by round.
    pub(super) rounds: BTreeMap<String, Vec<f64>>,
    /// Why a server has no figure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) missing: BTreeMap<String, String>,
}

fn path() -> PathBuf {
    super::root().join("bench/results.json")
}

impl Results {
    /// What was measured before; nothing, if there is no file.
    pub(super) fn load() -> Result<Results, String> {
        match fs::read_to_string(path()) {
            Ok(text) if text.is_empty() => Ok(Results::default()),
            Ok(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
            Err(_) => Ok(Results::default()),
        }
    }

    /// Takes a row in, unless nobody has a figure in it: then what was known stays.
    pub(super) fn take(&mut self, key: &str, measured: Measured) {
        if !measured.rounds.is_empty() {
            self.rows.insert(key.to_owned(), measured);
        }
    }

    /// Fails if it could not be stored, before anything is measured.
    pub(super) fn may_be_stored() -> Result<(), String> {
        let opened = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path());
        opened.map(|_| ()).map_err(|error| {
            let path = path();
            format!(
                "{}: {error}; --dry measures and writes nothing",
                path.display()
            )
        })
    }

    pub(super) fn store(&self) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(path(), text + "\n").map_err(|error| error.to_string())
    }
}

impl Measured {
    pub(super) fn new(seconds: f64) -> Measured {
        Measured {
            date: super::machine::today(),
            commit: super::machine::commit(),
            seconds,
            ..Measured::default()
        }
    }

    pub(super) fn push(&mut self, server: &str, value: f64) {
        self.rounds
            .entry(server.to_owned())
            .or_default()
            .push(value);
    }

    /// A server has no figure in it, and why.
    pub(super) fn lacks(&mut self, server: &str, why: String) {
        super::say(&format!("  {server:12} {why}"));
        self.rounds.remove(server);
        self.missing.insert(server.to_owned(), why);
    }

    /// It has come to its end.
    pub(super) fn done(mut self) -> Measured {
        self.load = super::machine::load();
        self
    }

    pub(super) fn median(&self, server: &str) -> Option<f64> {
        let mut values = self.rounds.get(server)?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let high = *values.get(middle)?;
        match values.len() % 2 {
            1 => Some(high),
            _ => Some((values.get(middle - 1)? + high) / 2.0),
        }
    }

    /// The least and the most.
    pub(super) fn spread(&self, server: &str) -> Option<(f64, f64)> {
        let values = self.rounds.get(server)?;
        let low = values.iter().copied().min_by(f64::total_cmp)?;
        let high = values.iter().copied().max_by(f64::total_cmp)?;
        Some((low, high))
    }

    /// The rival that does most, and what it does.
    pub(super) fn best_rival(&self) -> Option<(&str, f64)> {
        let rivals = self
            .rounds
            .keys()
            .filter(|name| super::peers::Peer::is_rival(name));
        rivals
            .filter_map(|name| Some((name.as_str(), self.median(name)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rounds: &[(&str, &[f64])]) -> Measured {
        let rounds = rounds
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.to_vec()));
        Measured {
            rounds: rounds.collect(),
            ..Measured::default()
        }
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        let measured = measured(&[("a", &[9.0, 1.0, 3.0]), ("b", &[4.0, 2.0]), ("c", &[])]);
        assert_eq!(measured.median("a"), Some(3.0));
        assert_eq!(measured.median("b"), Some(3.0));
        assert_eq!((measured.median("c"), measured.median("d")), (None, None));
        assert_eq!(measured.spread("a"), Some((1.0, 9.0)));
    }

    #[test]
    fn who_has_no_cache_is_no_rival() {
        let measured = measured(&[
            ("H2O", &[400.0]),
            ("floor", &[300.0]),
            ("Perigee", &[200.0]),
            ("Perigee 2", &[250.0]),
            ("nginx", &[90.0, 110.0]),
            ("HAProxy", &[99.0]),
        ]);
        assert_eq!(measured.best_rival(), Some(("nginx", 100.0)));
    }
}
