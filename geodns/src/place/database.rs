//! A geolocation database in MaxMind's format (MMDB 2.0).

mod record;
mod source;
mod tree;

use std::{fmt, io, net::IpAddr, path::Path};

use maxminddb::Reader;

use super::file::PlaceError;
use record::Records;
pub(crate) use record::{Knows, Record};
use source::Source;
use tree::{Leaf, Start, Tree};

/// A database, as small as what is read of it: its file is not needed any more.
pub struct Database {
    tree: Tree,
    records: Records,
    /// Where IPv4 addresses begin; where IPv6 ones do, if it has any.
    v4: Start,
    v6: Option<Start>,
    kind: String,
}

/// How deep IPv4 is in a database of both families.
const IPV4_DEPTH: u8 = 96;

impl Database {
    /// Reads the file, and checks that it is a database that tells of places.
    ///
    /// # Errors
    /// [`PlaceError`] names the file and says what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, PlaceError> {
        Database::of(path, Source::read(path))
    }

    /// As [`Database::load`], out of a mapping of the file, which must not be written to meanwhile.
    ///
    /// # Errors
    /// [`PlaceError`] names the file and says what is wrong with it.
    pub fn map(path: &Path) -> Result<Self, PlaceError> {
        Database::of(path, Source::map(path))
    }

    fn of(path: &Path, source: io::Result<Source>) -> Result<Self, PlaceError> {
        let source = source.map_err(|error| unreadable(path, error))?;
        let reader = Reader::from_source(source);
        let reader =
            reader.map_err(|error| refuse(path, format!("not a MaxMind database: {error}")))?;
        let read = record::read(&reader);
        let (tree, records) = read.map_err(|error| refuse(path, format!("damaged: {error}")))?;
        let kind = reader.metadata().database_type.clone();
        if records.knows == Knows::default() {
            let why = format!(
                "type {kind:?} has neither location.latitude and location.longitude, nor \
                 country.iso_code, nor autonomous_system_number; City, Country and ASN databases have"
            );
            return Err(refuse(path, why));
        }
        let both = reader.metadata().ip_version == 6;
        Ok(Database {
            v4: match both {
                true => tree.behind_zeros(IPV4_DEPTH),
                false => Start::default(),
            },
            v6: both.then(Start::default),
            tree,
            records,
            kind,
        })
    }

    /// The type the database gives itself, such as `GeoLite2-City`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What it tells of addresses at all.
    pub(crate) fn knows(&self) -> Knows {
        self.records.knows
    }

    /// What it tells of an address, and the prefix length for which this holds: 0 to 32 for
    /// IPv4, to 128 for IPv6.
    pub(crate) fn lookup(&self, address: IpAddr) -> (Record, u8) {
        let (leaf, prefix) = match address {
            IpAddr::V4(v4) => self.find_v4(u128::from(v4.to_bits()) << IPV4_DEPTH),
            IpAddr::V6(v6) => match self.v6 {
                Some(start) => self.find_v6(start, v6.to_bits()),
                // The same for all of them.
                None => (Leaf::Nothing, 0),
            },
        };
        let record = match leaf {
            Leaf::Row(row) => self.records.get(row),
            Leaf::Nothing | Leaf::Alias => Record::default(),
        };
        (record, prefix)
    }

    /// A database without an IPv4 part says the same of all of IPv4: its leaf is where that would begin.
    fn find_v4(&self, bits: u128) -> (Leaf, u8) {
        self.tree.find(self.v4, bits)
    }

    fn find_v6(&self, start: Start, bits: u128) -> (Leaf, u8) {
        match self.tree.find(start, bits) {
            (Leaf::Alias, depth) => {
                let (leaf, more) = self.find_v4(bits.checked_shl(depth.into()).unwrap_or(0));
                (leaf, depth + more)
            }
            found => found,
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> PlaceError {
    let help = "check the path, or leave it out to answer without one";
    refuse(path, format!("{error}; {help}"))
}

fn refuse(path: &Path, why: String) -> PlaceError {
    PlaceError::new("database", path, why)
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
