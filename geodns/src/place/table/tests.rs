use super::*;
use std::io::Write;

const PLACES: &str = include_str!("../../../data/places.csv");

fn error(table: &str) -> (usize, usize, String) {
    let error = build_database(table).unwrap_err();
    (error.line, error.column, error.message)
}

fn load(table: &str) -> crate::Database {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&build_database(table).unwrap()).unwrap();
    crate::Database::load(file.path()).unwrap()
}

fn place(database: &crate::Database, address: &str) -> Option<(f64, f64)> {
    let (record, _) = database.lookup(address.parse().unwrap());
    record.point.map(|p| (p.latitude, p.longitude))
}

#[test]
fn what_is_written_is_found() {
    let database = load(
        "10.0.0.0/8,1.5,-2.5,EU,DE,Ten, and a comma\n\
         2001:db8::/32,-3.25,4.75,OC,NZ,Six\n",
    );
    assert_eq!(place(&database, "10.255.0.1"), Some((1.5, -2.5)));
    assert_eq!(place(&database, "2001:db8:ffff::1"), Some((-3.25, 4.75)));
    assert_eq!(place(&database, "11.0.0.1"), None);
    assert_eq!(place(&database, "2001:db9::"), None);
    assert_eq!(database.lookup("10.0.0.1".parse().unwrap()).1, 8);
    assert_eq!(database.lookup("2001:db8::1".parse().unwrap()).1, 32);
    assert_eq!(database.kind(), "Perigee-City");
}

#[test]
fn a_country_may_come_with_a_subdivision() {
    let database = load(
        "10.0.0.0/8,1.5,-2.5,EU,DE,Ten\n\
         11.0.0.0/8,1.5,-2.5,NA,US-CA,Eleven\n",
    );
    let region = |address: &str| {
        let (record, _) = database.lookup(address.parse().unwrap());
        let code = |code: Option<String>| code.unwrap_or_default();
        (
            code(record.region.continent.map(|c| c.to_string())),
            code(record.region.country.map(|c| c.to_string())),
            code(record.region.subdivision.map(|c| c.to_string())),
        )
    };
    let told = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(region("10.0.0.1"), told("EU", "DE", ""));
    assert_eq!(region("11.0.0.1"), told("NA", "US", "CA"));
    assert_eq!(region("12.0.0.1"), told("", "", ""));
}

#[test]
fn longer_prefixes_win_in_any_order() {
    let inner = "10.1.0.0/16,1,1,EU,DE,inner";
    let outer = "10.0.0.0/8,2,2,EU,DE,outer";
    for table in [format!("{inner}\n{outer}"), format!("{outer}\n{inner}")] {
        let database = load(&table);
        assert_eq!(place(&database, "10.1.2.3"), Some((1.0, 1.0)));
        assert_eq!(place(&database, "10.2.2.3"), Some((2.0, 2.0)));
        // The outer network has a hole: the answer holds only for the half without it.
        assert_eq!(database.lookup("10.0.0.1".parse().unwrap()).1, 16);
        assert_eq!(database.lookup("10.128.0.1".parse().unwrap()).1, 9);
    }
}

#[test]
fn default_routes_and_single_addresses() {
    let database = load("0.0.0.0/0,1,1,EU,DE,all\n192.0.2.1/32,2,2,EU,DE,one\n");
    assert_eq!(place(&database, "192.0.2.1"), Some((2.0, 2.0)));
    assert_eq!(place(&database, "203.0.113.1"), Some((1.0, 1.0)));
    assert_eq!(place(&database, "2001:db8::1"), None);
}

#[test]
fn errors_say_where() {
    let good = "10.0.0.0/8,1,1,EU,DE,ten";
    assert_eq!(error("").0, 1);
    assert_eq!(error("# only a comment\n\n").0, 1);
    for (row, column, part) in [
        ("10.0.0.1/8,1,1,EU,DE,x", 1, "\"10.0.0.1/8\""),
        ("ten,1,1,EU,DE,x", 1, "prefix"),
        ("11.0.0.0/8,91,1,EU,DE,x", 12, "-90 to 90"),
        ("11.0.0.0/8,NaN,1,EU,DE,x", 12, "\"NaN\""),
        ("11.0.0.0/8,1,181,EU,DE,x", 14, "-180 to 180"),
        ("11.0.0.0/8,1,1,XX,DE,x", 16, "AF AN AS"),
        ("11.0.0.0/8,1,1,EU,de,x", 19, "ISO 3166"),
        ("11.0.0.0/8,1,1,EU,DE-,x", 19, "ISO 3166"),
        ("11.0.0.0/8,1,1,EU,DE-ABCD,x", 19, "ISO 3166"),
        ("11.0.0.0/8,1,1,EU,DE,", 22, "a name"),
        ("11.0.0.0/8,1,1,EU", 18, "the line ends"),
        ("10.0.0.0/8,1,1,EU,DE,again", 1, "already in line 2"),
    ] {
        let (line, at, message) = error(&format!("# table\n{good}\n{row}\n"));
        assert_eq!((line, at), (3, column), "{row}: {message}");
        assert!(message.contains(part), "{row}: {message}");
    }
}

/// Whoever asks for a client on a continent gets a place on that continent.
#[test]
fn the_demonstration_table_lands_on_each_continent() {
    let database = load(PLACES);
    for (address, latitude, longitude) in [
        ("128.112.1.1", 40.3, -74.7),
        ("2607:f140::1", 37.9, -122.3),
        ("143.107.1.1", -23.6, -46.7),
        ("2001:12f0::1", -22.9, -43.2),
        ("129.132.1.1", 47.4, 8.5),
        ("2001:638::1", 52.5, 13.4),
        ("133.11.1.1", 35.7, 139.8),
        ("2001:da8::1", 40.0, 116.3),
        ("130.102.1.1", -27.5, 153.0),
        ("2001:388::1", -35.3, 149.1),
        ("137.158.1.1", -34.0, 18.5),
        ("2001:4200::1", -34.0, 18.5),
    ] {
        let found = place(&database, address).unwrap_or_else(|| panic!("{address} is unknown"));
        let close = (found.0 - latitude).abs() < 0.1 && (found.1 - longitude).abs() < 0.1;
        assert!(close, "{address} is at {found:?}");
    }
    for anycast in ["8.8.8.8", "1.1.1.1", "9.9.9.9"] {
        assert_eq!(place(&database, anycast), None, "{anycast}");
    }
}

#[test]
fn each_row_of_the_demonstration_table_is_on_its_continent() {
    for row in parse(PLACES).unwrap() {
        let (latitude, longitude) = (row.point.latitude, row.point.longitude);
        let (south, north, west, east) = match row.continent {
            "NA" => (7.0, 84.0, -170.0, -50.0),
            "SA" => (-56.0, 13.0, -82.0, -34.0),
            "EU" => (34.0, 72.0, -25.0, 60.0),
            "AS" => (-11.0, 78.0, 26.0, 180.0),
            "OC" => (-48.0, 0.0, 110.0, 180.0),
            "AF" => (-35.0, 38.0, -18.0, 52.0),
            other => panic!("{other} in line {}", row.line),
        };
        let inside = (south..=north).contains(&latitude) && (west..=east).contains(&longitude);
        assert!(inside, "line {}: {}", row.line, row.name);
    }
}
