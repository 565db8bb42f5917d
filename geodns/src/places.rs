//! Where a client is: the configured networks first, then the database.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use perigee_cluster::PopName;

use crate::{
    config::{Config, Place},
    database::{Database, DatabaseError},
    geo::Point,
    networks::NetworkTable,
};

/// Everything that knows places.
#[derive(Debug)]
pub struct Places {
    networks: NetworkTable<Place>,
    database: Option<Arc<Database>>,
}

/// What is known of an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// Its place, and who knows it.
    pub place: LocatedPlace,
    /// The length of the prefix around the address for which exactly this holds.
    pub prefix: u8,
}

/// A place, and who knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum LocatedPlace {
    /// A configured network says: at this PoP.
    Pop(IpNet, PopName),
    /// A configured network says: at this point.
    Network(IpNet, Point),
    /// The database says: at this point.
    Database(Point),
    /// Nobody knows.
    Unknown,
}

impl Places {
    /// Takes the networks and loads the database of `config`. A database that `before` has
    /// loaded from the same unchanged file is kept.
    ///
    /// # Errors
    /// [`DatabaseError`] if there is a database in `config` that cannot be used.
    pub fn load(config: &Config, before: Option<&Places>) -> Result<Self, DatabaseError> {
        let loaded = before.and_then(|places| places.database.as_ref());
        let database = match (&config.database, loaded) {
            (None, _) => None,
            (Some(path), Some(loaded)) if loaded.is_current(path) => Some(Arc::clone(loaded)),
            (Some(path), _) => Some(Arc::new(Database::load(path)?)),
        };
        let networks = config
            .networks
            .iter()
            .map(|n| (n.network.trunc(), n.place.clone()));
        Ok(Places {
            networks: NetworkTable::new(networks),
            database,
        })
    }

    /// The database, if there is one.
    pub fn database(&self) -> Option<&Arc<Database>> {
        self.database.as_ref()
    }

    /// Finds the place of an address.
    pub fn locate(&self, address: IpAddr) -> Located {
        let found = self.networks.lookup(address);
        if let Some((length, place)) = found.value {
            // The length comes from a network of this family: it cannot be too long.
            let network = IpNet::new(address, length).map_or(IpNet::from(address), |n| n.trunc());
            return Located {
                place: LocatedPlace::configured(network, place),
                prefix: found.prefix,
            };
        }
        let (point, prefix) = self
            .database
            .as_ref()
            .map_or((None, 0), |database| database.lookup(address));
        Located {
            place: point.map_or(LocatedPlace::Unknown, LocatedPlace::Database),
            // The answer changes where the database says something else, and where a
            // configured network begins.
            prefix: prefix.max(found.prefix),
        }
    }
}

impl LocatedPlace {
    fn configured(network: IpNet, place: &Place) -> Self {
        match place {
            Place::Pop(name) => LocatedPlace::Pop(network, name.clone()),
            Place::Point(latitude, longitude) => Point::new(*latitude, *longitude)
                .map_or(LocatedPlace::Unknown, |point| {
                    LocatedPlace::Network(network, point)
                }),
        }
    }
}
