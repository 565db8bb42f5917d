//! Round-trip times that were measured from networks to PoPs: `prefix,pop,ms`.

use std::{collections::HashMap, net::IpAddr, path::Path};

use ipnet::IpNet;

use super::{
    carried::carried,
    file::{PlaceError, read_table},
    networks::NetworkTable,
    rows::{Fields, TableError, parse},
};
use crate::config::Config;

const HEADER: &str = "prefix,pop,ms";
/// A minute: more is no round-trip time.
const MOST_MS: f32 = 60_000.0;

/// What a file tells.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    line: usize,
    network: IpNet,
    pop: String,
    ms: f32,
}

/// Round-trip times, looked up by address. Of nested networks the longest one tells alone.
#[derive(Debug, PartialEq)]
pub struct Latencies {
    networks: NetworkTable<Range>,
    /// The place of a PoP in the configuration, and its milliseconds.
    measured: Box<[(u16, f32)]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    first: u32,
    count: u32,
}

/// What was measured for an address, and the length of the prefix for which exactly this holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured<'t> {
    pops: &'t [(u16, f32)],
    /// What counts where `pops` say nothing.
    others: &'t [(u16, f32)],
    /// That length.
    pub prefix: u8,
}

/// Who knows a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeasuredBy {
    File,
    Edges,
}

impl<'t> Measured<'t> {
    /// Nothing, and the same for all.
    pub(crate) const NONE: Measured<'static> = Measured {
        pops: &[],
        others: &[],
        prefix: 0,
    };

    /// The milliseconds to a PoP, by its place in the configuration.
    pub fn ms(&self, pop: usize) -> Option<f32> {
        find(self.pops, pop).or_else(|| find(self.others, pop))
    }

    /// Who knows these, of a file and, behind it, of edges.
    pub(crate) fn by(&self, pop: usize) -> Option<MeasuredBy> {
        let by_file = find(self.pops, pop).map(|_| MeasuredBy::File);
        by_file.or_else(|| find(self.others, pop).map(|_| MeasuredBy::Edges))
    }

    /// These, and `others` for the PoPs of which they say nothing.
    pub(crate) fn or(self, others: Measured<'t>) -> Measured<'t> {
        Measured {
            pops: self.pops,
            others: others.pops,
            prefix: self.prefix.max(others.prefix),
        }
    }
}

fn find(pops: &[(u16, f32)], pop: usize) -> Option<f32> {
    let found = pops.iter().find(|(at, _)| usize::from(*at) == pop);
    found.map(|(_, ms)| *ms)
}

/// The milliseconds of a round trip to a PoP that nobody has measured, by its distance: more than most
/// paths take, so that what was measured counts for more than what is guessed.
pub(crate) fn guessed_ms(km: f64) -> f64 {
    const KM_PER_MS: f64 = 50.0;
    km / KM_PER_MS
}

impl Default for Latencies {
    /// None.
    fn default() -> Self {
        Latencies::of([])
    }
}

impl Latencies {
    /// These: network, PoP by its place in the configuration, milliseconds. All of a network stand
    /// together.
    pub(crate) fn of(times: impl IntoIterator<Item = (IpNet, u16, f32)>) -> Self {
        let mut networks: Vec<(IpNet, Range)> = Vec::new();
        let mut measured = Vec::new();
        for (network, pop, ms) in times {
            match networks.last_mut() {
                Some((last, range)) if *last == network => range.count += 1,
                _ => networks.push((
                    network,
                    Range {
                        // No file, and no number of edges, has so many.
                        first: u32::try_from(measured.len()).unwrap_or(u32::MAX),
                        count: 1,
                    },
                )),
            }
            measured.push((pop, ms));
        }
        Latencies {
            networks: NetworkTable::new(networks),
            measured: measured.into(),
        }
    }

    /// The latencies of a table to the PoPs of `config`. Those to others are left out: a PoP that is
    /// taken out of service does not make a file of measurements wrong.
    pub(super) fn new(table: &Table, config: &Config) -> Self {
        let pops: HashMap<&str, u16> = (0..)
            .zip(&config.pops)
            .map(|(index, pop)| (pop.name.as_str(), index))
            .collect();
        Latencies::of(table.rows.iter().filter_map(|row| {
            let pop = pops.get(row.pop.as_str())?;
            Some((row.network, *pop, row.ms))
        }))
    }

    /// What was measured for an address.
    pub fn lookup(&self, address: IpAddr) -> Measured<'_> {
        let carried = carried(address);
        let found = self.networks.lookup(carried.address);
        let pops = found.value.and_then(|(_, range)| {
            let (first, count) = (range.first as usize, range.count as usize);
            self.measured.get(first..)?.get(..count)
        });
        Measured {
            pops: pops.unwrap_or_default(),
            others: &[],
            prefix: (found.prefix + carried.before).max(carried.least),
        }
    }
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self, PlaceError> {
        read_table("latencies", path, |text| {
            let mut rows = parse(text, &[HEADER], row)?;
            rows.sort_by(|a, b| (a.network, &a.pop, a.line).cmp(&(b.network, &b.pop, b.line)));
            for pair in rows.windows(2) {
                if let [first, second] = pair
                    && (first.network, &first.pop) == (second.network, &second.pop)
                {
                    let (network, pop, line) = (first.network, &first.pop, first.line);
                    return Err(TableError {
                        line: second.line,
                        column: 1,
                        message: format!("{network} to {pop} is already in line {line}"),
                    });
                }
            }
            Ok(Table { rows })
        })
    }

    /// The PoPs of the table that `config` does not have, each once, with a line that names it.
    pub(super) fn strangers(&self, config: &Config) -> Vec<(usize, &str)> {
        let is_known = |name: &str| config.pops.iter().any(|pop| pop.name.as_str() == name);
        let mut found: HashMap<&str, usize> = HashMap::new();
        for row in self.rows.iter().filter(|row| !is_known(&row.pop)) {
            let line = found.entry(&row.pop).or_insert(row.line);
            *line = row.line.min(*line);
        }
        let mut found: Vec<_> = found.into_iter().map(|(pop, line)| (line, pop)).collect();
        found.sort_unstable();
        found
    }
}

fn row(line: usize, text: &str) -> Result<Row, TableError> {
    let mut fields = Fields::new(line, text, 3);
    Ok(Row {
        line,
        network: fields.network()?,
        pop: fields.next("the name of a PoP", |name| {
            (!name.is_empty()).then(|| name.to_owned())
        })?,
        ms: fields.next("milliseconds, from 0 to 60000", |text| {
            let ms: f32 = text.parse().ok()?;
            (0.0..=MOST_MS).contains(&ms).then_some(ms)
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn read_text(text: &str) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latencies.csv");
        std::fs::write(&path, text).unwrap();
        let name = format!("latencies {}: ", path.display());
        Table::read(&path).map_err(|error| error.to_string().replace(&name, ""))
    }

    #[test]
    fn the_longest_network_tells_alone() {
        let table = "prefix,pop,ms\n\
            10.0.0.0/8,fra,20.5\n10.0.0.0/8,sin,180\n\
            10.1.0.0/16,nyc,7\n\
            2001:db8::/32,sin,0\n\
            10.0.0.0/8,gone,1\n";
        let table = read_text(table).unwrap();
        assert_eq!(table.strangers(&fixture::config()), [(6, "gone")]);
        let latencies = Latencies::new(&table, &fixture::config());
        let lookup = |address: &str| {
            let found = latencies.lookup(address.parse().unwrap());
            ([found.ms(0), found.ms(1), found.ms(2)], found.prefix)
        };
        // In the order of the configuration: fra, nyc, sin.
        assert_eq!(lookup("10.200.0.1"), ([Some(20.5), None, Some(180.0)], 9));
        assert_eq!(lookup("10.1.0.1"), ([None, Some(7.0), None], 16));
        assert_eq!(lookup("::ffff:10.1.0.1").0, lookup("10.1.0.1").0);
        assert_eq!(lookup("2001:db8::1").0, [None, None, Some(0.0)]);
        assert_eq!(lookup("11.0.0.1").0, [None, None, None]);
    }

    #[test]
    fn errors_say_where() {
        for (text, place) in [
            ("10.0.0.0/8,fra\n", "line 1, column 15: the line ends"),
            ("10.0.0.0/8,fra,fast\n", "line 1, column 16: \"fast\""),
            ("10.0.0.0/8,fra,-1\n", "line 1, column 16: \"-1\""),
            ("10.0.0.0/8,fra,NaN\n", "line 1, column 16: \"NaN\""),
            ("10.0.0.0/8,fra,1,2\n", "line 1, column 16: \"1,2\""),
            (
                "10.0.0.0/8,fra,1\n\n10.0.0.0/8,fra,2\n",
                "line 3, column 1: 10.0.0.0/8 to fra is already in line 1",
            ),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.starts_with(place), "{text:?}: {error}");
        }
    }
}
