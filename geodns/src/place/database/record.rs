//! What is read of a database: its tree, and its records, each one once.

use std::{collections::HashMap, net::IpAddr};

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::{Deserialize, Deserializer};

use super::{
    IPV4_DEPTH,
    source::Source,
    tree::{Leaf, Leaves, Tree},
};
use crate::place::{
    code::{Code, Region},
    geo::Point,
};

/// What a record tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) point: Option<Point>,
    pub(crate) region: Region,
    pub(crate) asn: Option<u32>,
}

/// What the records of a database tell at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Knows {
    pub(crate) points: bool,
    pub(crate) regions: bool,
    pub(crate) systems: bool,
}

/// All records of a database that tell anything: 16 octets for each, and each region once.
#[derive(Debug, Default)]
pub(super) struct Records {
    rows: Vec<Row>,
    regions: Vec<Region>,
    pub(super) knows: Knows,
}

/// Degrees are kept as millionths, which is 11 cm.
#[derive(Clone, Copy, Debug)]
struct Row {
    latitude: i32,
    longitude: i32,
    asn: u32,
    /// Its place among the regions.
    region: u32,
}

/// No latitude; and what is in place of an autonomous system (RFC 7607).
const NO_POINT: i32 = i32::MIN;
const NO_SYSTEM: u32 = 0;
const MICRO: f64 = 1e6;

/// Walks through the whole database, and decodes each record once.
pub(super) fn read(reader: &Reader<Source>) -> Result<(Tree, Records), MaxMindDbError> {
    // A tree of n nodes has n + 1 leaves. One that is damaged may have loops in it, through
    // which the walk would go on for longer than anybody waits.
    let nodes = reader.metadata().node_count as usize;
    let most = 2 * nodes + 2;
    let mut leaves = Leaves::new(nodes + 1);
    let mut reading = Reading::default();
    let options = WithinOptions::default().include_networks_without_data();
    for (walked, found) in reader.networks(options)?.enumerate() {
        if walked >= most {
            return Err(invalid("the search tree has more leaves than nodes"));
        }
        let found = found?;
        let network = found.network()?;
        let (address, depth) = match network.ip() {
            IpAddr::V6(v6) => (v6.to_bits(), network.prefix()),
            // In a database of both families, IPv4 is behind 96 zeros.
            IpAddr::V4(v4) if reader.metadata().ip_version == 6 => {
                (v4.to_bits().into(), network.prefix() + IPV4_DEPTH)
            }
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << IPV4_DEPTH, network.prefix()),
        };
        let leaf = reading.leaf(&found)?;
        let pushed = leaves.push(address, depth, leaf);
        pushed.ok_or_else(|| invalid("the search tree is in no order"))?;
    }
    let mut records = reading.records;
    records.rows.shrink_to_fit();
    let tree = leaves.tree(records.rows.len());
    let tree = tree.ok_or_else(|| invalid("the search tree is too large"))?;
    Ok((tree, records))
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    records: Records,
    /// The number of the leaf that each offset is: small, as it is looked into at random.
    seen: HashMap<u32, u32>,
    regions: HashMap<Region, u32>,
}

impl Reading {
    fn leaf(&mut self, found: &LookupResult<'_, Source>) -> Result<Leaf, MaxMindDbError> {
        let Some(offset) = found.offset() else {
            return Ok(Leaf::Nothing);
        };
        let offset = u32::try_from(offset).map_err(|_| invalid("it is larger than 4 GiB"))?;
        if let Some(number) = self.seen.get(&offset) {
            return Ok(Leaf::of(*number));
        }
        let record: Record = found.decode::<Raw>()?.unwrap_or_default().into();
        let leaf = match record == Record::default() {
            true => Leaf::Nothing,
            false => self.add(&record)?,
        };
        self.seen.insert(offset, leaf.number());
        Ok(leaf)
    }

    fn add(&mut self, record: &Record) -> Result<Leaf, MaxMindDbError> {
        let Records {
            rows,
            regions,
            knows,
        } = &mut self.records;
        knows.points |= record.point.is_some();
        knows.regions |= record.region.is_known();
        knows.systems |= record.asn.is_some();
        let number = |count: usize| {
            let number = u32::try_from(count).ok().filter(|n| *n < u32::MAX / 2);
            number.ok_or_else(|| invalid("it has too many records"))
        };
        let row = number(rows.len())?;
        let next = number(regions.len())?;
        let region = *self.regions.entry(record.region).or_insert_with(|| {
            regions.push(record.region);
            next
        });
        rows.push(Row::new(record, region));
        Ok(Leaf::Row(row))
    }
}

impl Records {
    pub(super) fn get(&self, row: u32) -> Record {
        let Some(row) = self.rows.get(row as usize) else {
            return Record::default();
        };
        let degrees = |micro: i32| f64::from(micro) / MICRO;
        let region = self.regions.get(row.region as usize);
        Record {
            point: (row.latitude != NO_POINT).then(|| Point {
                latitude: degrees(row.latitude),
                longitude: degrees(row.longitude),
            }),
            region: region.copied().unwrap_or_default(),
            asn: (row.asn != NO_SYSTEM).then_some(row.asn),
        }
    }
}

fn invalid(why: &'static str) -> MaxMindDbError {
    MaxMindDbError::InvalidDatabase {
        message: why.to_owned(),
        offset: None,
    }
}

impl Row {
    fn new(record: &Record, region: u32) -> Self {
        let micro = |degrees: f64| (degrees * MICRO).round() as i32;
        Row {
            latitude: record.point.map_or(NO_POINT, |p| micro(p.latitude)),
            longitude: record.point.map_or(0, |p| micro(p.longitude)),
            asn: record.asn.unwrap_or(NO_SYSTEM),
            region,
        }
    }
}

/// The part of a record that is read. The rest is skipped without being decoded.
#[derive(Default, Deserialize)]
struct Raw {
    location: Option<Location>,
    continent: Option<Coded>,
    country: Option<Coded>,
    #[serde(default, deserialize_with = "first")]
    subdivisions: Option<Coded>,
    autonomous_system_number: Option<Number>,
}

/// A number of 32 bits, in whatever width it is written.
struct Number(u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of 32 bits")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Number, E> {
                let number = u32::try_from(number).map(Number);
                number.map_err(|_| E::custom("a number of more than 32 bits"))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// Continents have a `code`, countries and subdivisions an `iso_code`.
#[derive(Deserialize)]
struct Coded {
    #[serde(alias = "iso_code")]
    code: Option<String>,
}

impl Coded {
    fn get<const N: usize>(this: Option<Coded>) -> Option<Code<N>> {
        this?.code.as_deref().and_then(Code::new)
    }
}

/// The first of a list: the largest subdivision. The rest is skipped.
fn first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Coded>, D::Error> {
    struct First;
    impl<'de> serde::de::Visitor<'de> for First {
        type Value = Option<Coded>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of subdivisions")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            let first = list.next_element()?;
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }
    deserializer.deserialize_seq(First)
}

impl From<Raw> for Record {
    fn from(raw: Raw) -> Self {
        let point = raw
            .location
            .and_then(|l| Point::new(l.latitude?, l.longitude?));
        let country = Coded::get(raw.country);
        Record {
            point,
            region: Region {
                continent: Coded::get(raw.continent),
                country,
                // It means nothing without its country.
                subdivision: country.and(Coded::get(raw.subdivisions)),
            },
            asn: raw
                .autonomous_system_number
                .map(|Number(asn)| asn)
                .filter(|&asn| asn != NO_SYSTEM),
        }
    }
}
