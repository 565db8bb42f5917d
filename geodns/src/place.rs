//! Where a client is: the networks of the file, databases in MaxMind's format, and the globe.

mod database;
mod geo;
mod networks;
mod places;
mod table;

pub use database::{Database, DatabaseError};
pub(crate) use geo::Direction;
pub use geo::Point;
pub use places::{Located, LocatedPlace, Places};
pub use table::{TableError, build_database};
