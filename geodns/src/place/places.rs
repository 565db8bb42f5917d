//! Where a client is: the configured networks first, then the databases.

use std::{net::IpAddr, sync::Arc};

use perigee_cluster::PopName;

use super::{
    carried::carried,
    database::{Database, DatabaseError, Record},
    geo::Point,
    located::{At, FoundBy, Located},
    networks::NetworkTable,
};
use crate::config::{Config, Place};
use ipnet::IpNet;

/// Everything that knows places.
#[derive(Debug)]
pub struct Places {
    networks: NetworkTable<Option<At>>,
    databases: Vec<Arc<Database>>,
    unknown: Option<At>,
}

impl Places {
    /// Takes the networks and loads the databases of `config`. A database that `before` has
    /// loaded from the same unchanged file is kept.
    ///
    /// # Errors
    /// [`DatabaseError`] if there is a database in `config` that cannot be used.
    pub fn load(config: &Config, before: Option<&Places>) -> Result<Self, DatabaseError> {
        let loaded = before.map_or(&[][..], |places| &places.databases);
        let databases = config.place.databases.iter().map(|path| {
            match loaded.iter().find(|loaded| loaded.is_current(path)) {
                Some(loaded) => Ok(Arc::clone(loaded)),
                None => Database::load(path).map(Arc::new),
            }
        });
        let at = |place: &Place| At::configured(config, place);
        let networks = config.networks.iter();
        Ok(Places {
            databases: databases.collect::<Result<_, _>>()?,
            networks: NetworkTable::new(networks.map(|n| (n.network.trunc(), at(&n.place)))),
            unknown: config.place.unknown.as_ref().and_then(at),
        })
    }

    /// The databases, in the order in which they are asked.
    pub fn databases(&self) -> &[Arc<Database>] {
        &self.databases
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
        for database in &self.databases {
            located.ask(database, address);
        }
        located
    }
}

impl Located {
    /// Adds what the database tells that is not known yet.
    fn ask(&mut self, database: &Database, address: IpAddr) {
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
                self.found_by = FoundBy::Database;
            }
        }
        if region {
            self.region_prefix = self.region_prefix.max(prefix);
            self.region = record.region;
        }
        if system {
            self.asn_prefix = self.asn_prefix.max(prefix);
            self.asn = record.asn;
        }
    }
}

impl At {
    /// Where a place of the configuration is. One that is no place is nowhere.
    fn configured(config: &Config, place: &Place) -> Option<Self> {
        match place {
            Place::Pop(name) => {
                let named = |name: &PopName| config.pops.iter().position(|pop| pop.name == *name);
                named(name).map(At::Pop)
            }
            Place::Point(latitude, longitude) => Point::new(*latitude, *longitude).map(At::Point),
        }
    }
}

#[cfg(test)]
mod tests;
