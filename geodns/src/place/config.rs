//! What is configured about places.

use std::path::PathBuf;

use crate::config::Place;

/// What tells where clients are, besides [`crate::Config::networks`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlaceConfig {
    /// Databases in MaxMind's format: with points (City), regions (City, Country) or numbers of
    /// autonomous systems (ASN). Of each kind, the first one that knows an address tells.
    pub databases: Vec<PathBuf>,
    /// The place of clients that neither the networks nor the databases place. Without one, PoPs
    /// are taken in the order of the configuration.
    pub unknown: Option<Place>,
}
