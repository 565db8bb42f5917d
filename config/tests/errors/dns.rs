//! The name servers: places, and records of the zone.

use perigee_config::Problem;

use super::{GOOD, check, problems};

#[test]
fn places_of_networks() {
    let network =
        |place: &str| format!("[[dns.networks]]\nnetworks = [\"10.0.0.0/8\"]\n{place}\n[[pops]]");
    let message = "these networks have no place, or two";
    check("[[pops]]", &network(""), (5, 1), message, "set `pop`");
    check(
        "[[pops]]",
        &network("pop = \"fra\"\nlatitude = 3"),
        (5, 1),
        message,
        "set `pop`",
    );
    check(
        "[[pops]]",
        &network("pop = \"fro\""),
        (7, 7),
        "there is no PoP named \"fro\"",
        "\"fra\"",
    );
    let twice = format!(
        "{}\n{}",
        network("pop = \"fra\"").replace("[[pops]]", ""),
        network("pop = \"fra\"")
    );
    check(
        "[[pops]]",
        &twice,
        (10, 13),
        "the place of 10.0.0.0/8 is told twice",
        "on line 6",
    );
    check(
        "[[pops]]",
        &network("pop = \"fra\"").replace("10.0.0.0/8", "2002:a00::/24"),
        (6, 13),
        "addresses of 2002:a00::/24 are looked up as the IPv4 addresses in them",
        "write the IPv4 network",
    );
    let unknown = |place: &str| format!("[dns.unknown]\n{place}\n[[pops]]");
    check(
        "[[pops]]",
        &unknown("latitude = 3"),
        (5, 1),
        "clients that nobody places have no place here, or two",
        "set `pop`",
    );
    check(
        "[[pops]]",
        &unknown("pop = \"fro\""),
        (6, 7),
        "there is no PoP named \"fro\"",
        "\"fra\"",
    );
}

#[test]
fn geodns_without_a_zone() {
    check(
        "[dns]\nzone = \"cdn.example\"\n",
        "",
        (19, 8),
        "\"ns1\" has no zone to answer for",
        "[dns]",
    );
}

/// The good file with records, each a name, a type and data.
fn with_records(records: &[(&str, &str, &str)]) -> Vec<Problem> {
    let tables = records.iter().map(|(name, rtype, data)| {
        format!("[[dns.records]]\nname = {name:?}\ntype = {rtype:?}\ndata = [{data:?}]\n")
    });
    problems(&format!("{GOOD}{}", tables.collect::<String>()))
}

#[test]
fn records_of_the_zone() {
    let lines = GOOD.lines().count();
    for (records, place, message) in [
        (
            &[("x", "A", "192.0.2")][..],
            (lines + 4, 9),
            "\"192.0.2\" is not an IPv4 address",
        ),
        (
            &[("x", "B", "y")],
            (lines + 3, 8),
            "\"B\" is not a type of record",
        ),
        (
            &[("x.example.", "TXT", "y")],
            (lines + 4, 9),
            "x.example. is not inside the zone",
        ),
        (
            &[("a..b", "TXT", "y")],
            (lines + 2, 8),
            "\"a..b\" is not a name: a label is empty",
        ),
        (
            &[("x", "TXT", "y"), ("x", "CNAME", "y")],
            (lines + 8, 9),
            "x.cdn.example. has a CNAME record and TXT records",
        ),
        (
            &[("www", "A", "192.0.2.1")],
            (lines + 4, 9),
            "www.cdn.example. is the name of a service",
        ),
    ] {
        let found = with_records(records);
        let [problem] = &found[..] else {
            panic!("one problem expected, not {found:#?}");
        };
        assert_eq!((problem.line, problem.column), place, "{problem}");
        assert!(problem.message.starts_with(message), "{problem}");
    }
    assert!(with_records(&[("x", "A", "192.0.2.1"), ("x", "TXT", "v=spf1; -all")]).is_empty());
}
