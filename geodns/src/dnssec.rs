//! Signatures for the zone, made when they are asked for (RFC 4034, 4035, 9824), and its keys.
//!
//! `Signer` signs sets of records and remembers what it made; `nsec` denies names and types;
//! `KeyFolder`, `Timing` and `Roles` say which keys there are and which does what, and
//! `rollover` plans how one takes the place of another. All pure, but for the folder.

mod algorithm;
mod budget;
mod cache;
mod canonical;
mod config;
mod counters;
mod key;
mod key_file;
mod key_folder;
mod nsec;
mod roles;
mod rollover;
mod signer;
mod timing;
mod validity;

pub(crate) use budget::Standing;
pub(crate) use canonical::{Set, ordered};
pub(crate) use counters::Counters;
pub(crate) use nsec::{MISSING, nsec};
pub(crate) use signer::{Overspent, Signer, Use};

pub use algorithm::Algorithm;
pub use config::DnssecConfig;
pub use key::Key;
pub use key_folder::KeyFolder;
pub use roles::Roles;
pub use rollover::{Change, Kind, Plan, Terms, init, parent_has, roll};
pub use timing::{Seconds, Stamp, Timing};
