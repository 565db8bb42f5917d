//! What policies choose, and for whom it holds.

mod holds;
mod rules;
mod shares;

use std::{
    io::Write,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use tempfile::NamedTempFile;

use super::*;
use crate::{
    Config, fixture,
    place::testing::database,
    snapshot::{Family, Snapshot},
    zone::{Found, ZoneService},
};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn client(text: &str) -> Client {
    match text.contains('/') {
        true => Client::Subnet(text.parse().unwrap()),
        false => Client::Source(text.parse().unwrap()),
    }
}

/// A config whose first service follows these rules.
fn with_rules(rules: Vec<RuleConfig>) -> Config {
    let mut config = fixture::config();
    config.policies = vec![PolicyConfig {
        name: "test".to_owned(),
        rules,
    }];
    config.services[0].policy = Some("test".to_owned());
    config
}

fn named(pops: &[&str]) -> RuleConfig {
    weighted(&pops.iter().map(|pop| (*pop, 1)).collect::<Vec<_>>())
}

fn weighted(pops: &[(&str, u32)]) -> RuleConfig {
    RuleConfig {
        pops: pops
            .iter()
            .map(|&(pop, weight)| (pop.into(), weight))
            .collect(),
        ..RuleConfig::default()
    }
}

fn in_networks(networks: &[&str]) -> When {
    When {
        networks: networks.iter().map(|net| net.parse().unwrap()).collect(),
        ..When::default()
    }
}

/// The first service of the fixture.
fn www(snapshot: &Snapshot) -> &ZoneService {
    let name: perigee_dns_wire::Name = "www.cdn.example".parse().unwrap();
    match snapshot.zone.lookup(&name) {
        Found::Node { node, .. } => node.service.as_ref().unwrap(),
        _ => panic!("there is no www"),
    }
}

fn chosen(snapshot: &Snapshot, client: Client) -> Chosen<'_> {
    let service = www(snapshot);
    choose(
        snapshot,
        service,
        Family::V4,
        client,
        at(0),
        &mut Memo::none(),
    )
}

/// The name of the PoP that a client gets, and the scope.
fn pop(snapshot: &Snapshot, text: &str) -> (String, u8) {
    let chosen = chosen(snapshot, client(text));
    let pop = chosen.pop.map(|pop| snapshot.pops[pop].name.to_string());
    (pop.unwrap_or_default(), chosen.scope)
}

/// The names of the PoPs in the order in which a client may get them.
fn order(snapshot: &Snapshot, text: &str) -> Vec<String> {
    let service = www(snapshot);
    let mut facts = Facts::new(snapshot, client(text));
    let all = candidates(snapshot, &service.policy, service.seed, &mut facts);
    let all = all
        .iter()
        .map(|one| snapshot.pops[one.pop].name.to_string());
    all.collect()
}

/// A database that knows regions and systems: 20.1/16 is in California, 20.2/16 in Texas, 20.3/16 in
/// Germany; 20.1.0/17 and 20.3.64/18 are of AS64500.
fn regions(config: &mut Config) -> NamedTempFile {
    let row = |continent, country, part: Option<&str>, asn: Option<u32>| {
        let parts: Vec<_> = part
            .map(|part| json!({ "iso_code": part }))
            .into_iter()
            .collect();
        let mut record = json!({
            "continent": { "code": continent },
            "country": { "iso_code": country },
            "location": { "latitude": 10.0, "longitude": 10.0 },
            "subdivisions": parts,
        });
        if let Some(asn) = asn {
            record["autonomous_system_number"] = json!(asn);
        }
        record
    };
    let rows = [
        ("20.1.0.0/16", row("NA", "US", Some("CA"), None)),
        ("20.1.0.0/17", row("NA", "US", Some("CA"), Some(64_500))),
        ("20.2.0.0/16", row("NA", "US", Some("TX"), None)),
        ("20.3.0.0/16", row("EU", "DE", None, None)),
        ("20.3.64.0/18", row("EU", "DE", None, Some(64_500))),
    ];
    let mut file = NamedTempFile::new().unwrap();
    let octets = database(maxminddb_writer::metadata::IpVersion::V6, &rows);
    file.write_all(&octets).unwrap();
    config.place.databases = vec![file.path().to_owned()];
    file
}

/// An address that has the first bits of one and the others of another.
fn mixed(first: IpAddr, bits: u8, others: IpAddr) -> IpAddr {
    match (first, others) {
        (IpAddr::V4(first), IpAddr::V4(others)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let mixed = (first.to_bits() & mask) | (others.to_bits() & !mask);
            std::net::Ipv4Addr::from_bits(mixed).into()
        }
        (IpAddr::V6(first), IpAddr::V6(others)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            let mixed = (first.to_bits() & mask) | (others.to_bits() & !mask);
            std::net::Ipv6Addr::from_bits(mixed).into()
        }
        _ => first,
    }
}
