//! How far clients are from PoPs, as the edges have measured it: read from them now and then, and merged.

mod config;
mod merge;
mod told;

pub use config::MeasureConfig;
pub(crate) use merge::merge;
pub(crate) use told::{Told, until_next};
