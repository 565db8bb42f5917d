//! Where a client is: the networks of the file, databases in MaxMind's format, and the globe.

mod carried;
mod code;
mod config;
mod database;
mod geo;
mod located;
mod networks;
mod places;
mod table;
#[cfg(test)]
pub(crate) mod testing;

pub use code::{CONTINENTS, Code, Continent, Country, Region, Subdivision};
pub use config::PlaceConfig;
pub use database::{Database, DatabaseError};
pub(crate) use geo::Direction;
pub use geo::Point;
pub use located::{At, FoundBy, Located};
#[allow(unused_imports)]
pub(crate) use networks::NetworkTable;
pub use places::Places;
pub use table::{TableError, build_database};
