//! What is configured about places.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::Place;

/// What tells where clients are, besides [`crate::Config::networks`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlaceConfig {
    /// Databases in MaxMind's format: with points (City), regions (City, Country) or numbers of
    /// autonomous systems (ASN). Of each kind, the first one that knows an address tells.
    pub databases: Vec<PathBuf>,
    /// Whether databases are mapped while they are read. Their files may then be replaced by renaming
    /// others over them, and in no other way.
    pub mapped: bool,
    /// More networks: `prefix,pop` or `prefix,latitude,longitude` per line.
    pub networks_file: Option<PathBuf>,
    /// Round-trip times of networks to PoPs: `prefix,pop,ms` per line.
    pub latency_file: Option<PathBuf>,
    /// The resolvers whose EDNS Client Subnet option (RFC 7871) is used; `None` for all.
    pub client_subnet: Option<Vec<IpNet>>,
    /// The place of clients that neither the networks nor the databases place. Without one, PoPs
    /// are taken in the order of the configuration.
    pub unknown: Option<Place>,
}

impl PlaceConfig {
    /// All files that are read, again when they change.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let tables = self.networks_file.iter().chain(&self.latency_file);
        self.databases.iter().chain(tables)
    }
}
