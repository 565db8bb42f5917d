//! A geolocation database in MaxMind's format (MMDB 2.0).

mod record;

use std::{
    fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use maxminddb::Reader;

use record::Records;
pub(crate) use record::{Knows, Record};

/// A database, loaded into memory.
pub struct Database {
    path: PathBuf,
    stamp: Stamp,
    reader: Reader<Source>,
    records: Records,
}

/// The octets of a file.
type Source = Vec<u8>;

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// Why a database cannot be used; names the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError(pub String);

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseError {}

impl Database {
    /// Reads the file, and checks that it is a database with places in it.
    ///
    /// # Errors
    /// [`DatabaseError`] names the file and says what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, DatabaseError> {
        let refuse = |why: String| DatabaseError(format!("database {}: {why}", path.display()));
        let bytes = fs::read(path).map_err(|e| {
            refuse(format!(
                "{e}; check the path, or leave it out to answer without one"
            ))
        })?;
        // The stamp is taken after the bytes: a file replaced in between is at worst loaded twice.
        let stamp = Stamp::of(path).map_err(|e| refuse(e.to_string()))?;
        let reader = Reader::from_source(bytes)
            .map_err(|e| refuse(format!("not a MaxMind database: {e}")))?;
        let records = Records::read(&reader).map_err(|e| refuse(format!("damaged: {e}")))?;
        if records.knows == Knows::default() {
            let kind = &reader.metadata().database_type;
            return Err(refuse(format!(
                "type {kind:?} has neither location.latitude and location.longitude, nor \
                 country.iso_code, nor autonomous_system_number; City, Country and ASN databases have"
            )));
        }
        Ok(Database {
            path: path.to_owned(),
            stamp,
            reader,
            records,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The type the database gives itself, such as `GeoLite2-City`.
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// Whether the file at `path` is the one that was loaded, unchanged.
    pub fn is_current(&self, path: &Path) -> bool {
        self.path == path && Stamp::of(path).is_ok_and(|stamp| stamp == self.stamp)
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

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Stamp {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
        })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
