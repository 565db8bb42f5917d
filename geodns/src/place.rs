//! Where a client is: the networks of the file, databases in MaxMind's format, and the globe.

mod carried;
mod code;
mod config;
mod database;
mod file;
mod geo;
mod latencies;
mod located;
mod networks;
mod networks_file;
mod places;
mod rows;
mod table;
#[cfg(test)]
pub(crate) mod testing;

pub use code::{CONTINENTS, Code, Continent, Country, Region, Subdivision};
pub use config::PlaceConfig;
pub use database::Database;
pub use file::PlaceError;
pub use geo::Point;
pub(crate) use geo::{Direction, apart_km};
pub use latencies::{Latencies, Measured};
pub(crate) use latencies::{MeasuredBy, guessed_ms};
pub use located::{At, FoundBy, Located};
pub(crate) use networks::NetworkTable;
pub use places::Places;
pub use rows::TableError;
pub use table::build_database;
