//! What is read of the records of a database, each one once.

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::{Deserialize, Deserializer};

use super::Source;
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

/// All records of a database that tell anything, by where they are in its file. A lookup so decodes
/// nothing, and touches of the file only its tree. At most 28 octets for each record, and 4 for
/// each 64 octets of the file's data.
pub(super) struct Records {
    /// In the order of the file.
    rows: Box<[Row]>,
    /// For each stretch of the data, which row is the first there.
    starts: Box<[u32]>,
    pub(super) knows: Knows,
}

/// Degrees are kept as millionths, which is 11 cm.
#[derive(Clone, Copy)]
struct Row {
    offset: u32,
    latitude: i32,
    longitude: i32,
    asn: u32,
    region: Region,
}

/// No latitude; and what is in place of an autonomous system (RFC 7607).
const NO_POINT: i32 = i32::MIN;
const NO_SYSTEM: u32 = 0;
const MICRO: f64 = 1e6;
/// The octets of a stretch, as a power of two.
const STRETCH: u32 = 6;

impl Records {
    /// Walks through the whole database, and decodes each record once.
    pub(super) fn read(reader: &Reader<Source>) -> Result<Self, MaxMindDbError> {
        let mut rows = Vec::new();
        let mut knows = Knows::default();
        let mut seen = Seen::default();
        let options = WithinOptions::default().include_networks_without_data();
        // A tree of n nodes has n + 1 leaves. One that is damaged may have loops in it, through
        // which the walk would go on for longer than anybody waits.
        let most = 2 * u64::from(reader.metadata().node_count) + 2;
        let mut walked = 0;
        for found in reader.networks(options)? {
            walked += 1;
            if walked > most {
                return Err(invalid("the search tree has more leaves than nodes"));
            }
            let found = found?;
            let Some(offset) = found.offset() else {
                continue;
            };
            let offset = u32::try_from(offset).map_err(|_| invalid("it is larger than 4 GiB"))?;
            if !seen.insert(offset) {
                continue;
            }
            let record: Record = found.decode::<Raw>()?.unwrap_or_default().into();
            if record != Record::default() {
                knows.points |= record.point.is_some();
                knows.regions |= record.region.is_known();
                knows.systems |= record.asn.is_some();
                rows.push(Row::new(offset, &record));
            }
        }
        rows.sort_unstable_by_key(|row| row.offset);
        Ok(Records {
            starts: starts(&rows),
            rows: rows.into(),
            knows,
        })
    }

    /// What the record there tells.
    pub(super) fn get(&self, offset: usize) -> Record {
        self.find(offset).map_or(Record::default(), Row::record)
    }

    fn find(&self, offset: usize) -> Option<&Row> {
        let offset = u32::try_from(offset).ok()?;
        let first = *self.starts.get((offset >> STRETCH) as usize)?;
        let rows = self.rows.get(first as usize..)?;
        let mut rows = rows.iter().take_while(|row| row.offset <= offset);
        rows.find(|row| row.offset == offset)
    }
}

fn starts(rows: &[Row]) -> Box<[u32]> {
    let Some(last) = rows.last() else {
        return Box::default();
    };
    let mut starts = Vec::with_capacity((last.offset >> STRETCH) as usize + 1);
    for (index, row) in (0u32..).zip(rows) {
        let stretch = (row.offset >> STRETCH) as usize;
        if starts.len() <= stretch {
            starts.resize(stretch + 1, index);
        }
    }
    starts.into()
}

fn invalid(why: &'static str) -> MaxMindDbError {
    MaxMindDbError::InvalidDatabase {
        message: why.to_owned(),
        offset: None,
    }
}

/// Which offsets were seen: one bit for each.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Notes one; whether it is new.
    fn insert(&mut self, offset: u32) -> bool {
        let (word, bit) = ((offset >> 6) as usize, 1u64 << (offset & 63));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

impl Row {
    fn new(offset: u32, record: &Record) -> Self {
        let micro = |degrees: f64| (degrees * MICRO).round() as i32;
        Row {
            offset,
            latitude: record.point.map_or(NO_POINT, |p| micro(p.latitude)),
            longitude: record.point.map_or(0, |p| micro(p.longitude)),
            asn: record.asn.unwrap_or(NO_SYSTEM),
            region: record.region,
        }
    }

    fn record(&self) -> Record {
        let degrees = |micro: i32| f64::from(micro) / MICRO;
        Record {
            point: (self.latitude != NO_POINT).then(|| Point {
                latitude: degrees(self.latitude),
                longitude: degrees(self.longitude),
            }),
            region: self.region,
            asn: (self.asn != NO_SYSTEM).then_some(self.asn),
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
