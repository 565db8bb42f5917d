use std::{io::Write, net::Ipv4Addr};

use maxminddb_writer::metadata::IpVersion;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    build_database,
    config::Network,
    fixture,
    place::{Code, Region, testing},
};

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
        config.place.databases = vec![file.path().to_owned()];
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
    let network = "10.1.0.0/16".parse().unwrap();
    assert_eq!(configured.found_by, FoundBy::Network(network));
    assert_eq!(configured.prefix, 16);
    let database = locate("10.0.2.3");
    assert_eq!(database.found_by, FoundBy::Database);
    // The database says the same for more, but not what the configuration says beside it.
    assert_eq!(database.prefix, 16);
    let unknown = locate("11.0.0.1");
    assert_eq!((unknown.at, unknown.found_by), (None, FoundBy::Nobody));
}

#[test]
fn a_point_that_is_none_is_unknown() {
    let mut config = fixture::config();
    config.networks[0].place = Place::Point(91.0, 0.0);
    let places = Places::load(&config, None).unwrap();
    let located = places.locate("10.49.0.1".parse().unwrap());
    assert_eq!(located.at, None);
}

/// Places that know databases with these records.
fn with_databases(databases: &[&[(&str, Value)]]) -> Places {
    let folder = tempfile::tempdir().unwrap();
    let mut config = fixture::config();
    for (index, rows) in databases.iter().enumerate() {
        let path = folder.path().join(format!("{index}.mmdb"));
        std::fs::write(&path, testing::database(IpVersion::V6, rows)).unwrap();
        config.place.databases.push(path);
    }
    config.place.unknown = Some(Place::Pop("nyc".into()));
    Places::load(&config, None).unwrap()
}

/// Each part of what is known comes from the first database that knows it, and holds for as much
/// as the databases say that were asked for it.
#[test]
fn databases_complete_each_other() {
    let country = |code: &str| json!({ "country": { "iso_code": code } });
    let city = json!({
        "country": { "iso_code": "DE" }, "location": { "latitude": 50.0, "longitude": 8.0 },
    });
    let system = json!({ "autonomous_system_number": 64_500 });
    let places = with_databases(&[
        &[("20.1.0.0/16", city)],
        &[
            ("20.0.0.0/8", country("FR")),
            ("20.1.128.0/17", country("AT")),
        ],
        &[("20.0.0.0/12", system)],
    ]);
    let locate = |address: &str| places.locate(address.parse().unwrap());
    let known = locate("20.1.200.1");
    assert_eq!(known.at, Some(At::Point(Point::new(50.0, 8.0).unwrap())));
    assert_eq!((known.found_by, known.prefix), (FoundBy::Database, 16));
    // The city's database knows the country: the other one is not asked.
    assert_eq!(
        (known.region.country, known.region_prefix),
        (Code::new("DE"), 16)
    );
    assert_eq!((known.asn, known.asn_prefix), (Some(64_500), 12));
    let partly = locate("20.2.0.1");
    assert_eq!(
        (partly.at, partly.found_by),
        (Some(At::Pop(1)), FoundBy::Nobody)
    );
    assert_eq!(partly.region.country, Code::new("FR"));
    // That it is not 20.0.0.0/15 is told by the database that does not know it.
    assert_eq!((partly.prefix, partly.region_prefix), (15, 15));
    assert_eq!(places.withheld().at, Some(At::Pop(1)));
    // A configured network tells of the place alone.
    let configured = locate("10.77.0.1");
    assert_eq!(configured.at, Some(At::Pop(2)));
    assert_eq!(configured.region, Region::default());
}

#[test]
fn an_ipv4_address_within_ipv6_is_looked_up_as_such() {
    let places = places(&networks(&["10.1.0.0/16"]), &networks(&["20.0.0.0/8"]));
    let locate = |address: &str| places.locate(address.parse().unwrap());
    for (address, network, length) in [
        ("::ffff:10.1.2.3", "::ffff:10.1.0.0/112", 112),
        ("64:ff9b::10.1.2.3", "64:ff9b::10.1.0.0/112", 112),
        ("2002:a01:203::1", "2002:a01::/32", 32),
    ] {
        let found = locate(address);
        assert_eq!(found.at, locate("10.1.2.3").at, "{address}");
        let network = network.parse().unwrap();
        assert_eq!(found.found_by, FoundBy::Network(network));
        assert_eq!(found.prefix, length);
    }
    assert_eq!(locate("::ffff:20.1.2.3").at, locate("20.1.2.3").at);
    // What is found for others does not hold for those.
    assert!(locate("2003::1").prefix >= 16);
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
    fn each_part_of_what_is_found_holds_for_its_whole_prefix(
        config in any_networks(), database in any_networks(), address: u32, other: u32,
    ) {
        let places = places(&config, &database);
        let address = address & 0xC0C0_C0FF;
        let found = places.locate(Ipv4Addr::from_bits(address).into());
        let neighbour = |prefix: u8| {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            places.locate(Ipv4Addr::from_bits((address & mask) | (other & !mask)).into())
        };
        let beside = neighbour(found.prefix);
        prop_assert_eq!((beside.at, beside.found_by), (found.at, found.found_by));
        prop_assert_eq!(beside.prefix, found.prefix);
        let beside = neighbour(found.region_prefix);
        prop_assert_eq!((beside.region, beside.region_prefix), (found.region, found.region_prefix));
    }
}
