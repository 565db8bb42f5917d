use std::{io::Write, net::Ipv4Addr, path::Path};

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
    assert_eq!(database.found_by, FoundBy::Database(0));
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
    assert_eq!((known.found_by, known.prefix), (FoundBy::Database(0), 16));
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

/// A file that is replaced is taken, and one that breaks leaves what it held before.
#[test]
fn files_of_networks_and_latencies() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = fixture::config();
    let networks_file = folder.path().join("networks.csv");
    let latency_file = folder.path().join("latencies.csv");
    config.place.networks_file = Some(networks_file.clone());
    config.place.latency_file = Some(latency_file.clone());
    let write = |name: &Path, text: &str| {
        // As it should be done: beside it, and renamed.
        let new = name.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, name).unwrap();
    };
    assert!(
        Places::load(&config, None)
            .unwrap_err()
            .to_string()
            .contains("networks.csv")
    );
    write(&networks_file, "20.0.0.0/8,nyc\n10.77.0.0/16,nyc\n");
    assert!(
        Places::load(&config, None)
            .unwrap_err()
            .to_string()
            .contains("latencies.csv")
    );
    write(&latency_file, "20.0.0.0/8,sin,12\n");
    let first = Places::load(&config, None).unwrap();
    let at = |places: &Places, address: &str| places.locate(address.parse().unwrap()).at;
    let ms = |places: &Places| places.latencies().lookup([20, 0, 0, 1].into()).ms(2);
    assert_eq!(at(&first, "20.0.0.1"), Some(At::Pop(1)));
    // What cdn.toml says goes before what the file says.
    assert_eq!(at(&first, "10.77.0.1"), Some(At::Pop(2)));
    assert_eq!(ms(&first), Some(12.0));

    write(&networks_file, "20.0.0.0/8,fra\n30.0.0.0/8,\n");
    write(&latency_file, "20.0.0.0/8,sin,twelve\n");
    let second = Places::load(&config, Some(&first)).unwrap();
    assert_eq!(
        (at(&second, "20.0.0.1"), ms(&second)),
        (Some(At::Pop(1)), Some(12.0))
    );
    let problems: Vec<String> = second.problems().iter().map(ToString::to_string).collect();
    assert!(
        problems[0].contains("networks.csv: line 2, column 12"),
        "{problems:?}"
    );
    assert!(
        problems[1].contains("latencies.csv: line 1, column 16"),
        "{problems:?}"
    );
    let third = Places::load(&config, Some(&second)).unwrap();
    assert_eq!((ms(&third), third.problems().len()), (Some(12.0), 2));

    write(&networks_file, "20.0.0.0/8,fra\n30.0.0.0/8,1,2\n");
    write(&latency_file, "20.0.0.0/8,sin,120\n");
    let fourth = Places::load(&config, Some(&third)).unwrap();
    assert_eq!(
        (at(&fourth, "20.0.0.1"), ms(&fourth)),
        (Some(At::Pop(0)), Some(120.0))
    );
    assert_eq!(fourth.problems(), []);

    // A PoP that is not there is no place, but may have been measured.
    write(&latency_file, "20.0.0.0/8,sin,120\n20.0.0.0/8,old,1\n");
    let fifth = Places::load(&config, Some(&fourth)).unwrap();
    assert_eq!((ms(&fifth), fifth.problems().len()), (Some(120.0), 0));
    write(&networks_file, "20.0.0.0/8,fra\n30.0.0.0/8,old\n");
    let error = Places::load(&config, Some(&fifth)).unwrap_err().to_string();
    assert!(
        error.ends_with("line 2: there is no PoP \"old\" in [[pops]]"),
        "{error}"
    );
}

/// A mapped database answers as one in memory does, and goes on when its file is replaced.
#[test]
fn a_mapped_database_may_be_replaced_by_renaming() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    let write = |table: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, build_database(table).unwrap()).unwrap();
        std::fs::rename(new, &path).unwrap();
    };
    write("20.0.0.0/8,1,2,EU,DE,x\n");
    let mut config = fixture::config();
    config.place.databases = vec![path.clone()];
    let in_memory = Places::load(&config, None).unwrap();
    config.place.mapped = true;
    let before = Places::load(&config, None).unwrap();
    let locate = |places: &Places| places.locate([20, 1, 2, 3].into());
    assert_eq!(locate(&before), locate(&in_memory));
    write("20.0.0.0/8,3,4,NA,US,a longer name\n");
    let after = Places::load(&config, Some(&before)).unwrap();
    assert_eq!(locate(&before), locate(&in_memory));
    assert_eq!(
        locate(&after).at,
        Some(At::Point(Point::new(3.0, 4.0).unwrap()))
    );
    // Broken files are refused as those are that are read.
    for broken in [&b""[..], b"not a database"] {
        let new = folder.path().join("new");
        std::fs::write(&new, broken).unwrap();
        std::fs::rename(new, &path).unwrap();
        let kept = Places::load(&config, Some(&after)).unwrap();
        assert_eq!(locate(&kept), locate(&after));
        assert_eq!(kept.problems().len(), 1);
    }
}

#[test]
fn whose_client_subnets_are_used() {
    let mut config = fixture::config();
    let places = Places::load(&config, None).unwrap();
    assert!(places.takes_subnets_of([192, 0, 2, 1].into()));
    config.place.client_subnet = Some(networks(&["192.0.2.0/24", "2001:db8::/32"]));
    let places = Places::load(&config, None).unwrap();
    let takes = |address: &str| places.takes_subnets_of(address.parse().unwrap());
    assert!(takes("192.0.2.1") && takes("::ffff:192.0.2.1") && takes("2001:db8::1"));
    assert!(!takes("192.0.3.1") && !takes("2001:db9::1"));
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
