//! Where a client is: the configured networks first, then the databases.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use ipnet::IpNet;
use tracing::{error, warn};

use super::{
    carried::carried,
    database::{Database, Record},
    file::{Kept, Loaded, PlaceError},
    geo::Point,
    latencies::{Latencies, Table},
    located::{At, FoundBy, Located},
    networks::NetworkTable,
    networks_file::{self, Row, RowPlace},
};
use crate::config::{Config, Place};

/// Everything that knows places.
#[derive(Debug)]
pub struct Places {
    networks: NetworkTable<Option<At>>,
    databases: Vec<Arc<Loaded<Database>>>,
    networks_file: Option<Arc<Loaded<Vec<Row>>>>,
    latency_file: Option<Arc<Loaded<Table>>>,
    latencies: Latencies,
    unknown: Option<At>,
    /// `None` for all.
    subnets_of: Option<NetworkTable<()>>,
    problems: Vec<PlaceError>,
}

impl Places {
    /// Takes the networks of `config`, and reads its files. What `before` has read of a file stays
    /// if the file has not changed, and also if it is now broken: see [`Places::problems`].
    ///
    /// # Errors
    /// [`PlaceError`] if there is a file in `config` that cannot be used.
    pub fn load(config: &Config, before: Option<&Places>) -> Result<Self, PlaceError> {
        let place = &config.place;
        let mut problems = Vec::new();
        let mut databases = Vec::new();
        for path in &place.databases {
            let before = before.iter().flat_map(|places| &places.databases);
            let read = if place.mapped {
                Database::map
            } else {
                Database::load
            };
            databases.push(keep(Loaded::load(path, before, read)?, &mut problems));
        }
        let networks_file = optional(&place.networks_file, |path| {
            let before = before.and_then(|places| places.networks_file.as_ref());
            let kept = Loaded::load(path, before, networks_file::read)?;
            Ok(keep(kept, &mut problems))
        })?;
        let latency_file = optional(&place.latency_file, |path| {
            let before = before.and_then(|places| places.latency_file.as_ref());
            Ok(keep(
                Loaded::load(path, before, Table::read)?,
                &mut problems,
            ))
        })?;
        Ok(Places {
            networks: networks(config, networks_file.as_deref())?,
            latencies: latencies(config, latency_file.as_deref()),
            databases,
            networks_file,
            latency_file,
            unknown: place
                .unknown
                .as_ref()
                .and_then(|p| At::configured(config, p)),
            subnets_of: place
                .client_subnet
                .as_ref()
                .map(|networks| NetworkTable::new(networks.iter().map(|n| (n.trunc(), ())))),
            problems,
        })
    }

    /// The databases, in the order in which they are asked.
    pub(crate) fn databases(&self) -> &[Arc<Loaded<Database>>] {
        &self.databases
    }

    /// Which files are broken, so that what they held before goes on.
    pub fn problems(&self) -> &[PlaceError] {
        &self.problems
    }

    /// Whether the EDNS Client Subnet option of this resolver is used.
    pub(crate) fn takes_subnets_of(&self, resolver: IpAddr) -> bool {
        let table = self.subnets_of.as_ref();
        table.is_none_or(|table| table.lookup(resolver.to_canonical()).value.is_some())
    }

    /// The round-trip times that were measured.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// What is known of an address. An IPv6 address that carries an IPv4 address is looked up as
    /// that one. Allocates nothing.
    pub fn locate(&self, address: IpAddr) -> Located {
        let carried = carried(address);
        let mut located = self.look_up(carried.address);
        for prefix in [
            &mut located.prefix,
            &mut located.region_prefix,
            &mut located.asn_prefix,
        ] {
            *prefix = (*prefix + carried.before).max(carried.least);
        }
        if let FoundBy::Network(network) = &mut located.found_by {
            // As it is written for this family.
            let length = network.prefix_len() + carried.before;
            *network = IpNet::new(address, length).map_or(*network, |n| n.trunc());
        }
        located
    }

    /// What is known of a client that withholds its address.
    pub fn withheld(&self) -> Located {
        Located::nothing(self.unknown)
    }

    fn look_up(&self, address: IpAddr) -> Located {
        let mut located = self.withheld();
        let found = self.networks.lookup(address);
        // What a database says of the place changes where a configured network begins.
        located.prefix = found.prefix;
        if let Some((length, at)) = found.value {
            // The length comes from a network of this family: it cannot be too long.
            let network = IpNet::new(address, length).map_or(IpNet::from(address), |n| n.trunc());
            located.at = *at;
            located.found_by = FoundBy::Network(network);
        }
        for (at, database) in self.databases.iter().enumerate() {
            located.ask(at, &database.content, address);
        }
        located
    }
}

/// The networks of the file, and those of the configuration, which go before.
fn networks(
    config: &Config,
    file: Option<&Loaded<Vec<Row>>>,
) -> Result<NetworkTable<Option<At>>, PlaceError> {
    let mut all = Vec::new();
    if let Some(file) = file {
        for row in &file.content {
            let at = match &row.place {
                RowPlace::Point(point) => At::Point(*point),
                RowPlace::Pop(name) => At::pop(config, name).ok_or_else(|| {
                    let line = row.line;
                    let why = format!("line {line}: there is no PoP {name:?} in [[pops]]");
                    PlaceError::new("networks", file.path(), why)
                })?,
            };
            all.push((row.network, Some(at)));
        }
    }
    let configured = config.networks.iter();
    all.extend(configured.map(|n| (n.network.trunc(), At::configured(config, &n.place))));
    Ok(NetworkTable::new(all))
}

fn latencies(config: &Config, file: Option<&Loaded<Table>>) -> Latencies {
    let Some(file) = file else {
        return Latencies::default();
    };
    for (line, pop) in file.content.strangers(config) {
        let file = file.path().display();
        warn!(%file, line, pop, "no such PoP in [[pops]]: its latencies are left out");
    }
    Latencies::new(&file.content, config)
}

fn optional<T>(
    path: &Option<PathBuf>,
    load: impl FnOnce(&Path) -> Result<T, PlaceError>,
) -> Result<Option<T>, PlaceError> {
    path.as_deref().map(load).transpose()
}

fn keep<T>((loaded, problem): Kept<T>, problems: &mut Vec<PlaceError>) -> Arc<Loaded<T>> {
    if let Some(problem) = problem {
        error!("{problem}; what it held before goes on");
        problems.push(problem);
    }
    loaded
}

impl Located {
    /// Adds what the database at this place tells that is not known yet.
    fn ask(&mut self, at: usize, database: &Database, address: IpAddr) {
        let knows = database.knows();
        let point = knows.points && self.found_by == FoundBy::Nobody;
        let region = knows.regions && !self.region.is_known();
        let system = knows.systems && self.asn.is_none();
        if !(point || region || system) {
            return;
        }
        let (record, prefix): (Record, u8) = database.lookup(address);
        if point {
            self.prefix = self.prefix.max(prefix);
            if let Some(point) = record.point {
                self.at = Some(At::Point(point));
                self.found_by = FoundBy::Database(at);
            }
        }
        if region {
            self.region_prefix = self.region_prefix.max(prefix);
            self.region = record.region;
            self.region_by = record.region.is_known().then_some(at);
        }
        if system {
            self.asn_prefix = self.asn_prefix.max(prefix);
            self.asn = record.asn;
            self.asn_by = record.asn.map(|_| at);
        }
    }
}

impl At {
    /// Where a place of the configuration is. One that is no place is nowhere.
    fn configured(config: &Config, place: &Place) -> Option<Self> {
        match place {
            Place::Pop(name) => At::pop(config, name.as_str()),
            Place::Point(latitude, longitude) => Point::new(*latitude, *longitude).map(At::Point),
        }
    }

    fn pop(config: &Config, name: &str) -> Option<Self> {
        let named = config.pops.iter().position(|pop| pop.name.as_str() == name);
        named.map(At::Pop)
    }
}

#[cfg(test)]
mod tests;
