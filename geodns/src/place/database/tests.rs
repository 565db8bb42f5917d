use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;
use maxminddb_writer::metadata::IpVersion;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::place::{Code, Point, Region, testing};

/// A database of one network, whose record has these fields.
fn write(path: &Path, network: &str, ip_version: IpVersion, record: &Value) {
    let rows = [(network, record.clone())];
    fs::write(path, testing::database(ip_version, &rows)).unwrap();
}

fn location(latitude: f64, longitude: f64) -> Value {
    json!({ "location": { "latitude": latitude, "longitude": longitude } })
}

fn at(latitude: f64, longitude: f64) -> Record {
    Record {
        point: Point::new(latitude, longitude),
        ..Record::default()
    }
}

/// A record as databases of kind City have it.
fn city() -> Value {
    json!({
        "city": { "geoname_id": 5_375_480, "names": { "en": "Mountain View", "de": "Bergblick" } },
        "continent": { "code": "NA", "geoname_id": 6_255_149, "names": { "en": "North America" } },
        "country": { "geoname_id": 6_252_001, "iso_code": "US", "names": { "en": "United States" } },
        "location": {
            "accuracy_radius": 1_000, "latitude": 37.4192, "longitude": -122.0574,
            "metro_code": 807, "time_zone": "America/Los_Angeles",
        },
        "postal": { "code": "94043" },
        "registered_country": { "iso_code": "DE" },
        "subdivisions": [
            { "iso_code": "CA", "names": { "en": "California" } },
            { "iso_code": "SCL", "names": { "en": "Santa Clara" } },
        ],
    })
}

#[test]
fn a_record_of_each_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kinds.mmdb");
    let only = |record: Value| {
        write(&path, "10.0.0.0/8", IpVersion::V6, &record);
        let database = Database::load(&path).unwrap();
        database.lookup("10.1.1.1".parse().unwrap()).0
    };
    let whole = only(city());
    assert_eq!(whole.point, Point::new(37.4192, -122.0574));
    assert_eq!(whole.asn, None);
    let region = Region {
        continent: Code::new("NA"),
        country: Code::new("US"),
        subdivision: Code::new("CA"),
    };
    assert_eq!(whole.region, region);
    let country = only(json!({ "country": { "iso_code": "NZ" } }));
    assert_eq!(country.region.country, Code::new("NZ"));
    assert_eq!((country.region.continent, country.point), (None, None));
    let system = only(json!({
        "autonomous_system_number": 64_496, "autonomous_system_organization": "Example",
    }));
    assert_eq!(
        system,
        Record {
            asn: Some(64_496),
            ..Record::default()
        }
    );
    let homeless = only(json!({
        "continent": { "code": "EU" }, "subdivisions": [{ "iso_code": "BE" }],
    }));
    assert_eq!(homeless.region.subdivision, None, "without a country");
}

/// Hundreds of records, each of which is found by where it is in the file.
#[test]
fn each_network_has_its_record() {
    let rows: Vec<(String, Value)> = (0..1_000)
        .map(|n| {
            let mut record = location(f64::from(n) / 100.0, -f64::from(n) / 50.0);
            // Records of many lengths.
            record["city"] = json!("x".repeat(n as usize % 100));
            (format!("10.{}.{}.0/24", n / 256, n % 256), record)
        })
        .collect();
    let rows: Vec<(&str, Value)> = rows.iter().map(|(n, r)| (n.as_str(), r.clone())).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.mmdb");
    fs::write(&path, testing::database(IpVersion::V6, &rows)).unwrap();
    let database = Database::load(&path).unwrap();
    for n in 0..1_000u32 {
        let address = format!("10.{}.{}.9", n / 256, n % 256).parse().unwrap();
        let expected = at(f64::from(n) / 100.0, -f64::from(n) / 50.0);
        assert_eq!(database.lookup(address), (expected, 24), "{address}");
    }
}

/// What the library finds in the file itself.
fn by_library(reader: &Reader<Vec<u8>>, address: IpAddr) -> (Option<Point>, u8) {
    let Ok(found) = reader.lookup(address) else {
        return (None, 0);
    };
    let network = found.network().unwrap();
    let place: Option<Value> = found.decode().unwrap();
    let point = place.and_then(|place| {
        let of = |name| place["location"][name].as_f64();
        Point::new(of("latitude")?, of("longitude")?)
    });
    let prefix = match network.is_ipv4() == address.is_ipv4() {
        true => network.prefix(),
        false => 0,
    };
    (point, prefix)
}

/// Around a network, where answers may change.
fn around(network: &IpNet) -> impl Iterator<Item = IpAddr> {
    let (first, last) = (network.network(), network.broadcast());
    let all = [first, last].map(|address| match address {
        IpAddr::V4(v4) => [-1, 0, 1].map(|by| {
            let bits = v4.to_bits().wrapping_add_signed(by);
            IpAddr::from(Ipv4Addr::from_bits(bits))
        }),
        IpAddr::V6(v6) => [-1, 0, 1].map(|by| {
            let bits = v6.to_bits().wrapping_add_signed(by);
            IpAddr::from(Ipv6Addr::from_bits(bits))
        }),
    });
    all.into_iter().flatten()
}

fn any_network(both: bool) -> impl Strategy<Value = IpNet> {
    // Close to each other, so that they nest.
    let few = prop_oneof![
        Just(0_u128),
        Just(u128::MAX),
        0..1_u128 << 20,
        any::<u128>()
    ];
    (any::<bool>(), few, 1..=128_u8).prop_map(move |(v4, bits, length)| {
        let address: IpAddr = match v4 || !both {
            true => Ipv4Addr::from_bits((bits ^ bits >> 96) as u32).into(),
            false => Ipv6Addr::from_bits(bits << 64 | bits >> 100).into(),
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, (length - 1) % most + 1)
            .unwrap()
            .trunc()
    })
}

proptest! {
    #[test]
    fn each_address_is_where_the_library_finds_it(
        both in any::<bool>(),
        networks in prop::collection::vec((any_network(true), any_network(false)), 1..12),
    ) {
        let version = if both { IpVersion::V6 } else { IpVersion::V4 };
        let networks = networks.into_iter().map(|(any, v4)| if both { any } else { v4 });
        let networks: Vec<IpNet> = networks.collect();
        let rows = networks.iter().enumerate();
        let rows: Vec<_> = rows
            // Some records are the same, and some tell nothing.
            .map(|(n, network)| (network.to_string(), match n % 4 {
                3 => json!({ "city": n }),
                n => location(n as f64, 1.0),
            }))
            .chain([("192.0.2.0/24".to_owned(), location(9.0, 9.0))])
            .collect();
        let rows: Vec<_> = rows.iter().map(|(n, row)| (n.as_str(), row.clone())).collect();
        let octets = testing::database(version, &rows);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.mmdb");
        fs::write(&path, &octets).unwrap();
        let database = Database::load(&path).unwrap();
        let reader = Reader::from_source(octets).unwrap();
        for address in networks.iter().flat_map(around) {
            let (record, prefix) = database.lookup(address);
            prop_assert_eq!((record.point, prefix), by_library(&reader, address), "{}", address);
        }
    }
}

/// Databases of both families lead from IPv6 networks that carry IPv4 addresses to these.
#[test]
fn what_is_an_alias_of_ipv4_has_what_that_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alias.mmdb");
    let rows = [
        ("10.0.0.0/8", location(1.0, 2.0)),
        ("2002::/16", location(3.0, 4.0)),
    ];
    let mut octets = testing::database(IpVersion::V6, &rows);
    let reader = Reader::from_source(octets.clone()).unwrap();
    let nodes = reader.metadata().node_count;
    let octets_of_record = usize::from(reader.metadata().record_size) / 8;
    assert_eq!(reader.metadata().record_size % 8, 0);
    let read = |octets: &[u8], place: usize| {
        let record = &octets[place..place + octets_of_record];
        record.iter().fold(0, |n, octet| n << 8 | u32::from(*octet))
    };
    // Where the record is that the first so many bits of an address lead to.
    let place = |address: u128, depth: u32| {
        (0..depth).fold((0, 0), |(node, _), bit| {
            assert!(node < nodes);
            let one = (address >> (127 - bit)) as usize & 1;
            let place = (2 * node as usize + one) * octets_of_record;
            (read(&octets, place), place)
        })
    };
    let (ipv4, _) = place(0, 96);
    let (_, start) = place(0x2002 << 112, 16);
    let ipv4 = ipv4.to_be_bytes();
    octets[start..start + octets_of_record].copy_from_slice(&ipv4[4 - octets_of_record..]);
    fs::write(&path, &octets).unwrap();
    let reader = Reader::from_source(octets).unwrap();
    let database = Database::load(&path).unwrap();
    for address in ["2002:a01:203::1", "2002:b01:203::1", "2001::1", "10.9.9.9"] {
        let address = address.parse().unwrap();
        let (record, prefix) = database.lookup(address);
        let found = (record.point, prefix);
        assert_eq!(found, by_library(&reader, address), "{address}");
    }
    let found = database.lookup("2002:a01:203::1".parse().unwrap());
    assert_eq!(found, (at(1.0, 2.0), 24));
}

#[test]
fn an_ipv4_database_knows_nothing_of_ipv6() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v4.mmdb");
    write(&path, "10.0.0.0/8", IpVersion::V4, &location(1.0, 2.0));
    let database = Database::load(&path).unwrap();
    let known = database.lookup("10.1.1.1".parse().unwrap());
    assert_eq!(known, (at(1.0, 2.0), 8));
    assert_eq!(
        database.lookup("2001:db8::1".parse().unwrap()),
        (Record::default(), 0)
    );
}

#[test]
fn an_ipv6_database_without_ipv4_says_the_same_of_all_of_ipv4() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v6.mmdb");
    write(&path, "8000::/1", IpVersion::V6, &location(1.0, 2.0));
    let database = Database::load(&path).unwrap();
    assert_eq!(
        database.lookup("10.1.1.1".parse().unwrap()),
        (Record::default(), 0)
    );
    assert_eq!(database.lookup("9000::1".parse().unwrap()).1, 1);
}

#[test]
fn a_database_without_places_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("country.mmdb");
    for record in [
        json!({ "country": {} }),
        location(100.0, 2.0),
        location(-200.0, 2.0),
    ] {
        write(&path, "10.0.0.0/8", IpVersion::V4, &record);
        let error = Database::load(&path).unwrap_err().to_string();
        assert!(error.contains("country.mmdb"), "{error}");
        assert!(
            error.contains("City, Country and ASN databases have"),
            "{error}"
        );
    }
}

#[test]
fn any_byte_that_is_damaged_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mmdb");
    write(&path, "10.0.0.0/8", IpVersion::V4, &location(1.0, 2.0));
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xFF;
        fs::write(&path, damaged).unwrap();
        if let Ok(database) = Database::load(&path) {
            let (_, prefix) = database.lookup("10.1.1.1".parse().unwrap());
            assert!(prefix <= 32);
        }
    }
}
