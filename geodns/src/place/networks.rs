//! The networks whose place is given in the configuration: longest prefix first.

use std::net::IpAddr;

use ipnet::IpNet;

/// A value per network, looked up by the longest prefix that contains an address.
#[derive(Debug)]
pub(crate) struct NetworkTable<V> {
    v4: Trie<V>,
    v6: Trie<V>,
}

/// The value for an address, and the prefix length around the address within which no other
/// answer would be given: shorter than the network that matched if nothing else is near, longer
/// if a more specific network lies inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'t, V> {
    /// The network that matched, and its value.
    pub(crate) value: Option<(u8, &'t V)>,
    /// The prefix length, from 0 to 32 for IPv4, to 128 for IPv6.
    pub(crate) prefix: u8,
}

/// A binary trie. A node at depth `d` stands for a prefix of length `d`.
#[derive(Debug)]
struct Trie<V> {
    nodes: Vec<TrieNode<V>>,
}

#[derive(Debug)]
struct TrieNode<V> {
    children: [Option<usize>; 2],
    value: Option<V>,
}

impl<V> NetworkTable<V> {
    /// A table of these networks; of two that are the same, the later one stays.
    pub(crate) fn new(networks: impl IntoIterator<Item = (IpNet, V)>) -> Self {
        let mut table = NetworkTable {
            v4: Trie::new(),
            v6: Trie::new(),
        };
        for (network, value) in networks {
            let bits = left_aligned(network.addr());
            let trie = match network {
                IpNet::V4(_) => &mut table.v4,
                IpNet::V6(_) => &mut table.v6,
            };
            trie.insert(bits, network.prefix_len(), value);
        }
        table
    }

    pub(crate) fn lookup(&self, address: IpAddr) -> Found<'_, V> {
        let trie = match address {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        trie.lookup(left_aligned(address))
    }
}

impl<V> Trie<V> {
    fn new() -> Self {
        Trie {
            nodes: vec![TrieNode::empty()],
        }
    }

    fn insert(&mut self, bits: u128, length: u8, value: V) {
        let mut at = 0;
        for depth in 0..length {
            let side = bit(bits, depth);
            at = match self.nodes[at].children[side] {
                Some(child) => child,
                None => {
                    self.nodes.push(TrieNode::empty());
                    let child = self.nodes.len() - 1;
                    self.nodes[at].children[side] = Some(child);
                    child
                }
            };
        }
        self.nodes[at].value = Some(value);
    }

    fn lookup(&self, bits: u128) -> Found<'_, V> {
        let mut node = &self.nodes[0];
        let mut depth = 0;
        let mut value = None;
        loop {
            if let Some(here) = &node.value {
                value = Some((depth, here));
            }
            if node.children == [None, None] {
                return Found {
                    value,
                    prefix: depth,
                };
            }
            match node.children[bit(bits, depth)] {
                Some(child) => node = &self.nodes[child],
                // The other half of this prefix is divided further, this half is not.
                None => {
                    return Found {
                        value,
                        prefix: depth + 1,
                    };
                }
            }
            depth += 1;
        }
    }
}

impl<V> TrieNode<V> {
    fn empty() -> Self {
        TrieNode {
            children: [None, None],
            value: None,
        }
    }
}

/// The address with its first bit at the top, whatever its family.
fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn bit(bits: u128, depth: u8) -> usize {
    usize::from((bits << depth) >> 127 == 1)
}

#[cfg(test)]
mod tests {
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
        fn holds_for_the_whole_prefix(networks in networks(), address: u32, other: u32) {
            let table = NetworkTable::new(networks.iter().map(|n| (*n, *n)));
            let found = table.lookup(std::net::Ipv4Addr::from_bits(address).into());
            let mask = u32::MAX.checked_shl(32 - u32::from(found.prefix)).unwrap_or(0);
            let neighbour = (address & mask) | (other & !mask);
            let again = table.lookup(std::net::Ipv4Addr::from_bits(neighbour).into());
            prop_assert_eq!(found, again);
        }
    }
}
