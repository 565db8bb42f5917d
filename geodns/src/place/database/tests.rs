use maxminddb_writer::metadata::IpVersion;
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
