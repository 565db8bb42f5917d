//! A geolocation database in MaxMind's format (MMDB 2.0).

use std::{
    fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;

use crate::place::Point;

/// How many records are looked at to see whether a database has places at all.
const RECORDS_LOOKED_AT: usize = 10_000;

/// A database, loaded into memory.
pub struct Database {
    path: PathBuf,
    stamp: Stamp,
    reader: Reader<Vec<u8>>,
}

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

/// The part of a record that is read. The rest is skipped without being decoded.
#[derive(Deserialize)]
struct Record {
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Record {
    fn point(self) -> Option<Point> {
        let location = self.location?;
        Point::new(location.latitude?, location.longitude?)
    }
}

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
        let database = Database {
            path: path.to_owned(),
            stamp,
            reader,
        };
        match database.has_places() {
            Ok(true) => Ok(database),
            Ok(false) => Err(refuse(format!(
                "type {:?} has no location.latitude and location.longitude; a City database has",
                database.kind()
            ))),
            Err(error) => Err(refuse(format!("damaged: {error}"))),
        }
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

    /// The place of an address if the database has one, and the prefix length for which this
    /// holds: 0 to 32 for IPv4, to 128 for IPv6.
    pub fn lookup(&self, address: IpAddr) -> (Option<Point>, u8) {
        // An error here is an IPv6 address in an IPv4 database: the same for all of them.
        let Ok(result) = self.reader.lookup(address) else {
            return (None, 0);
        };
        let prefix = match (address, result.network()) {
            (IpAddr::V4(_), Ok(network)) if network.is_ipv4() => network.prefix(),
            (IpAddr::V6(_), Ok(network)) if network.is_ipv6() => network.prefix(),
            // A database without an IPv4 part says the same of all of IPv4.
            (_, Ok(_)) => 0,
            (IpAddr::V4(_), Err(_)) => 32,
            (IpAddr::V6(_), Err(_)) => 128,
        };
        let point = match result.decode::<Record>() {
            Ok(record) => record.and_then(Record::point),
            // A record that does not decode is a place that is not known.
            Err(_) => None,
        };
        (point, prefix)
    }

    fn has_places(&self) -> Result<bool, MaxMindDbError> {
        let records = self.reader.networks(WithinOptions::default())?;
        for record in records.take(RECORDS_LOOKED_AT) {
            if record?
                .decode::<Record>()?
                .and_then(Record::point)
                .is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
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
mod tests {
    use std::collections::BTreeMap;

    use maxminddb_writer::{metadata::IpVersion, paths::IpAddrWithMask};

    use super::*;

    /// A database of one network, whose record has these fields.
    fn write(
        path: &Path,
        network: &str,
        ip_version: IpVersion,
        record: &BTreeMap<&str, BTreeMap<&str, f64>>,
    ) {
        let mut database = maxminddb_writer::Database::default();
        database.metadata.ip_version = ip_version;
        database.metadata.binary_format_major_version = 2;
        database.metadata.database_type = "Test".to_owned();
        let description = &mut database.metadata.description;
        description.insert("en".to_owned(), "for a test".to_owned());
        let data = database.insert_value(record).unwrap();
        let network: IpAddrWithMask = network.parse().unwrap();
        database.insert_node(network, data);
        fs::write(path, database.write_to(Vec::new()).unwrap()).unwrap();
    }

    fn location(
        latitude: f64,
        longitude: f64,
    ) -> BTreeMap<&'static str, BTreeMap<&'static str, f64>> {
        let point = BTreeMap::from([("latitude", latitude), ("longitude", longitude)]);
        BTreeMap::from([("location", point)])
    }

    #[test]
    fn an_ipv4_database_knows_nothing_of_ipv6() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v4.mmdb");
        write(&path, "10.0.0.0/8", IpVersion::V4, &location(1.0, 2.0));
        let database = Database::load(&path).unwrap();
        let known = database.lookup("10.1.1.1".parse().unwrap());
        assert_eq!(known, (Point::new(1.0, 2.0), 8));
        assert_eq!(database.lookup("2001:db8::1".parse().unwrap()), (None, 0));
    }

    #[test]
    fn an_ipv6_database_without_ipv4_says_the_same_of_all_of_ipv4() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v6.mmdb");
        write(&path, "8000::/1", IpVersion::V6, &location(1.0, 2.0));
        let database = Database::load(&path).unwrap();
        assert_eq!(database.lookup("10.1.1.1".parse().unwrap()), (None, 0));
        assert_eq!(database.lookup("9000::1".parse().unwrap()).1, 1);
    }

    #[test]
    fn a_database_without_places_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("country.mmdb");
        for record in [
            BTreeMap::from([("country", BTreeMap::new())]),
            location(100.0, 2.0),
            location(f64::NAN, 2.0),
        ] {
            write(&path, "10.0.0.0/8", IpVersion::V4, &record);
            let error = Database::load(&path).unwrap_err().to_string();
            assert!(error.contains("country.mmdb"), "{error}");
            assert!(error.contains("a City database has"), "{error}");
        }
    }

    #[test]
    fn any_byte_that_is_damaged_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.mmdb");
        write(&path, "10.0.0.0/8", IpVersion::V4, &location(1.0, 2.0));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xFF;
            fs::write(&path, damaged).unwrap();
            if let Ok(database) = Database::load(&path) {
                let (_, prefix) = database.lookup("10.1.1.1".parse().unwrap());
                assert!(prefix <= 32);
            }
        }
    }
}
