//! A geolocation database in MaxMind's format (MMDB 2.0).

mod record;
mod source;

use std::{fmt, fs, io, net::IpAddr, path::Path};

use maxminddb::Reader;

use super::file::PlaceError;
use record::Records;
pub(crate) use record::{Knows, Record};
use source::Source;

/// A database, in memory or mapped from its file.
pub struct Database {
    reader: Reader<Source>,
    records: Records,
    is_mapped: bool,
}

impl Database {
    /// Reads the file, and checks that it is a database that tells of places.
    ///
    /// # Errors
    /// [`PlaceError`] names the file and says what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, PlaceError> {
        let reader = open(path, Source::read(path))?;
        Ok(Database {
            records: records(path, &reader)?,
            reader,
            is_mapped: false,
        })
    }

    /// Maps the file, and checks it. It must never be written to from then on: only another one may
    /// be renamed over it.
    ///
    /// # Errors
    /// [`PlaceError`] names the file and says what is wrong with it.
    pub fn map(path: &Path) -> Result<Self, PlaceError> {
        let file = fs::File::open(path).map_err(|error| unreadable(path, error))?;
        // The check goes through all of the file. What it has brought into memory goes with this
        // mapping; the next one brings in what is looked up.
        let records = records(path, &open(path, Source::map(&file))?)?;
        Ok(Database {
            records,
            reader: open(path, Source::map(&file))?,
            is_mapped: true,
        })
    }

    /// Whether it is mapped.
    pub fn is_mapped(&self) -> bool {
        self.is_mapped
    }

    /// The type the database gives itself, such as `GeoLite2-City`.
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// What it tells of addresses at all.
    pub(crate) fn knows(&self) -> Knows {
        self.records.knows
    }

    /// What it tells of an address, and the prefix length for which this holds: 0 to 32 for
    /// IPv4, to 128 for IPv6.
    pub(crate) fn lookup(&self, address: IpAddr) -> (Record, u8) {
        // An error here is an IPv6 address in an IPv4 database: the same for all of them.
        let Ok(result) = self.reader.lookup(address) else {
            return (Record::default(), 0);
        };
        let prefix = match (address, result.network()) {
            (IpAddr::V4(_), Ok(network)) if network.is_ipv4() => network.prefix(),
            (IpAddr::V6(_), Ok(network)) if network.is_ipv6() => network.prefix(),
            // A database without an IPv4 part says the same of all of IPv4.
            (_, Ok(_)) => 0,
            (IpAddr::V4(_), Err(_)) => 32,
            (IpAddr::V6(_), Err(_)) => 128,
        };
        let record = result.offset().map(|offset| self.records.get(offset));
        (record.unwrap_or_default(), prefix)
    }
}

fn open(path: &Path, source: io::Result<Source>) -> Result<Reader<Source>, PlaceError> {
    let source = source.map_err(|error| unreadable(path, error))?;
    let reader = Reader::from_source(source);
    reader.map_err(|error| refuse(path, format!("not a MaxMind database: {error}")))
}

fn records(path: &Path, reader: &Reader<Source>) -> Result<Records, PlaceError> {
    let records = Records::read(reader);
    let records = records.map_err(|error| refuse(path, format!("damaged: {error}")))?;
    if records.knows == Knows::default() {
        let kind = &reader.metadata().database_type;
        let why = format!(
            "type {kind:?} has neither location.latitude and location.longitude, nor \
             country.iso_code, nor autonomous_system_number; City, Country and ASN databases have"
        );
        return Err(refuse(path, why));
    }
    Ok(records)
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
            .field("is_mapped", &self.is_mapped)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
