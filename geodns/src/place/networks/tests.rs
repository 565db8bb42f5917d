use super::*;
use proptest::prelude::*;

fn table(networks: &[&str]) -> NetworkTable<String> {
    NetworkTable::new(
        networks
            .iter()
            .map(|n| (n.parse().unwrap(), (*n).to_owned())),
    )
}

fn find(table: &NetworkTable<String>, address: &str) -> (Option<String>, u8) {
    let found = table.lookup(address.parse().unwrap());
    (found.value.map(|(_, v)| v.clone()), found.prefix)
}

#[test]
fn an_empty_table_says_the_same_to_all() {
    assert_eq!(find(&table(&[]), "192.0.2.1"), (None, 0));
    assert_eq!(find(&table(&[]), "2001:db8::1"), (None, 0));
}

#[test]
fn the_longest_prefix_wins() {
    let table = table(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"]);
    assert_eq!(
        find(&table, "10.1.2.3"),
        (Some("10.1.2.0/24".to_owned()), 24)
    );
    assert_eq!(find(&table, "10.1.3.1").0, Some("10.1.0.0/16".to_owned()));
    assert_eq!(find(&table, "10.9.0.1").0, Some("10.0.0.0/8".to_owned()));
    assert_eq!(find(&table, "11.0.0.1").0, None);
}

#[test]
fn a_network_with_a_hole_does_not_hold_for_the_hole() {
    let table = table(&["10.0.0.0/8", "10.1.0.0/16"]);
    // 10.128.0.0/9 has no more specific network inside, 10.0.0.0/8 has.
    assert_eq!(
        find(&table, "10.200.0.1"),
        (Some("10.0.0.0/8".to_owned()), 9)
    );
    assert_eq!(
        find(&table, "10.0.5.5"),
        (Some("10.0.0.0/8".to_owned()), 16)
    );
}

#[test]
fn host_routes_and_the_default_route() {
    let table = table(&["0.0.0.0/0", "192.0.2.7/32", "2001:db8::1/128"]);
    assert_eq!(
        find(&table, "192.0.2.7"),
        (Some("192.0.2.7/32".to_owned()), 32)
    );
    assert_eq!(
        find(&table, "192.0.2.6"),
        (Some("0.0.0.0/0".to_owned()), 32)
    );
    assert_eq!(find(&table, "2001:db8::1").1, 128);
    assert_eq!(find(&table, "2001:db8::2"), (None, 127));
}

fn networks() -> impl Strategy<Value = Vec<IpNet>> {
    let network = (0u32..64, 0u8..=32).prop_map(|(bits, length)| {
        let address = std::net::Ipv4Addr::from_bits(bits << 26);
        IpNet::new(address.into(), length).unwrap().trunc()
    });
    proptest::collection::vec(network, 0..12)
}

proptest! {
    #[test]
    fn agrees_with_a_linear_search(networks in networks(), address: u32) {
        let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(address));
        let table = NetworkTable::new(networks.iter().map(|n| (*n, *n)));
        let expected = networks
            .iter()
            .filter(|n| n.contains(&address))
            .max_by_key(|n| n.prefix_len());
        prop_assert_eq!(table.lookup(address).value.map(|(_, n)| n), expected);
    }

    #[test]
    fn agrees_with_a_linear_search_in_ipv6(
        networks in proptest::collection::vec((0u128..64, 0u8..=128), 0..12),
        address in 0u128..64, low: bool,
    ) {
        let networks = networks.into_iter().map(|(bits, length)| {
            let bits = if low { bits } else { bits << 122 };
            IpNet::new(std::net::Ipv6Addr::from_bits(bits).into(), length).unwrap().trunc()
        });
        let networks: Vec<IpNet> = networks.collect();
        let address = if low { address } else { address << 122 };
        let address = IpAddr::V6(std::net::Ipv6Addr::from_bits(address));
        let table = NetworkTable::new(networks.iter().map(|n| (*n, *n)));
        let expected = networks
            .iter()
            .filter(|n| n.contains(&address))
            .max_by_key(|n| n.prefix_len());
        let found = table.lookup(address);
        prop_assert_eq!(found.value.map(|(_, n)| n), expected);
        prop_assert_eq!(found.value.map(|(l, _)| l), expected.map(|n| n.prefix_len()));
        // No shorter prefix would do: it has a network inside that is not around the address.
        if let Some(shorter) = found.prefix.checked_sub(1) {
            let around = IpNet::new(address, shorter).unwrap();
            let within = |n: &&IpNet| around.contains(*n) && !n.contains(&address);
            prop_assert!(networks.iter().any(|n| within(&n)
                || (around.contains(n) && n.prefix_len() > shorter)));
        }
    }

    #[test]
    fn holds_for_the_whole_prefix(networks in networks(), address: u32, other: u32) {
        let table = NetworkTable::new(networks.iter().map(|n| (*n, *n)));
        let found = table.lookup(std::net::Ipv4Addr::from_bits(address).into());
        let mask = u32::MAX.checked_shl(32 - u32::from(found.prefix)).unwrap_or(0);
        let neighbour = (address & mask) | (other & !mask);
        let again = table.lookup(std::net::Ipv4Addr::from_bits(neighbour).into());
        prop_assert_eq!(found, again);
    }
}
