//! Databases for tests.

use maxminddb_writer::{metadata::IpVersion, paths::IpAddrWithMask};
use serde_json::Value;

/// The octets of a database of these networks, longer ones after the shorter ones that they are
/// in, with these records.
pub(crate) fn database(ip_version: IpVersion, rows: &[(&str, Value)]) -> Vec<u8> {
    let mut database = maxminddb_writer::Database::default();
    database.metadata.ip_version = ip_version;
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = "Test".to_owned();
    let description = &mut database.metadata.description;
    description.insert("en".to_owned(), "for a test".to_owned());
    for (network, record) in rows {
        let data = database.insert_value(record).unwrap();
        let network: IpAddrWithMask = network.parse().unwrap();
        match (network, ip_version) {
            // IPv4 is at `::/96`.
            (IpAddrWithMask { addr, mask }, IpVersion::V6) if addr.is_ipv4() => {
                let path = (0..96)
                    .map(|_| false)
                    .chain(bits(addr).take(usize::from(mask)));
                database.insert_node(path, data);
            }
            (network, _) => database.insert_node(network, data),
        }
    }
    database.write_to(Vec::new()).unwrap()
}

fn bits(address: std::net::IpAddr) -> impl Iterator<Item = bool> {
    let octets = match address {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    octets
        .into_iter()
        .flat_map(|octet| (0..8).map(move |bit| octet << bit & 0x80 != 0))
}
