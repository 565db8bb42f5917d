//! The one file: parse, validate, point at the line that is wrong, build each role's configuration.
//!
//! The way through: text -> [`parse`] -> typed tables (`sections`, of values in `units`) ->
//! `validate` (what one value alone cannot tell) -> [`Document`] -> `build` -> a role's `Config`.

mod at;
mod build;
mod document;
mod effective;
mod problem;
mod read;
mod schema;
mod sections;
mod suggest;
mod units;
mod validate;
pub mod value;

pub use effective::Nodes;

pub use build::{AccessLog, BuildError, Level, Log, NodeCommon, NodeSummary, Shutdown, SignedZone};
pub use document::{Document, LoadError, parse, parse_whole};
pub use problem::Problem;
pub use schema::schema;
