//! Where a client is: the configured networks first, then the database.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use perigee_cluster::PopName;

use super::{
    database::{Database, DatabaseError},
    geo::Point,
    networks::NetworkTable,
};
use crate::config::{Config, Place};

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

#[cfg(test)]
mod tests {
    use std::{io::Write, net::Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::{build_database, config::Network, fixture};

    /// Places that know these networks, and a database of these, all at different points.
    fn places(networks: &[IpNet], database: &[IpNet]) -> Places {
        let mut config = fixture::config();
        config.networks = networks
            .iter()
            .enumerate()
            .map(|(index, network)| Network {
                network: *network,
                place: Place::Point(index as f64, -10.0),
            })
            .collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        if !database.is_empty() {
            let rows = database.iter().enumerate();
            let table: String = rows
                .map(|(index, network)| format!("{network},{index},10,EU,DE,x\n"))
                .collect();
            file.write_all(&build_database(&table).unwrap()).unwrap();
            config.database = Some(file.path().to_owned());
        }
        Places::load(&config, None).unwrap()
    }

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn configured_networks_go_before_the_database() {
        let places = places(
            &networks(&["10.1.0.0/16"]),
            &networks(&["10.0.0.0/8", "10.1.2.0/24"]),
        );
        let locate = |address: &str| places.locate(address.parse().unwrap());
        let configured = locate("10.1.2.3");
        assert!(matches!(configured.place, LocatedPlace::Network(..)));
        assert_eq!(configured.prefix, 16);
        let database = locate("10.0.2.3");
        assert!(matches!(database.place, LocatedPlace::Database(_)));
        // The database says the same for more, but not what the configuration says beside it.
        assert_eq!(database.prefix, 16);
        let unknown = locate("11.0.0.1");
        assert_eq!(unknown.place, LocatedPlace::Unknown);
    }

    #[test]
    fn a_point_that_is_none_is_unknown() {
        let mut config = fixture::config();
        config.networks[0].place = Place::Point(91.0, 0.0);
        let places = Places::load(&config, None).unwrap();
        let located = places.locate("10.49.0.1".parse().unwrap());
        assert_eq!(located.place, LocatedPlace::Unknown);
    }

    fn any_networks() -> impl Strategy<Value = Vec<IpNet>> {
        let network = (any::<u32>(), 0u8..=32).prop_map(|(bits, length)| {
            // Few distinct addresses, so that networks nest.
            let address = Ipv4Addr::from_bits(bits & 0xC0C0_C0C0);
            IpNet::new(address.into(), length).unwrap().trunc()
        });
        proptest::collection::btree_set(network, 0..8).prop_map(|set| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_found_holds_for_the_whole_prefix(
            config in any_networks(), database in any_networks(), address: u32, other: u32,
        ) {
            let places = places(&config, &database);
            let address = address & 0xC0C0_C0FF;
            let found = places.locate(Ipv4Addr::from_bits(address).into());
            let mask = u32::MAX.checked_shl(32 - u32::from(found.prefix)).unwrap_or(0);
            let neighbour = Ipv4Addr::from_bits((address & mask) | (other & !mask));
            prop_assert_eq!(places.locate(neighbour.into()), found);
        }
    }
}
