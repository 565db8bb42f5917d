//! The networks whose place is given: the longest prefix wins.

use std::net::IpAddr;

use ipnet::IpNet;

/// A value per network, looked up by the longest prefix that contains an address.
#[derive(Debug, PartialEq)]
pub(crate) struct NetworkTable<V> {
    v4: Stretches<u32>,
    v6: Stretches<u128>,
    /// The length of each network, and its value.
    values: Vec<(u8, V)>,
}

/// The value for an address, and the prefix length around the address within which no other
/// answer would be given: shorter than the network that matched if nothing else is near, longer
/// if a more specific network lies inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'t, V> {
    /// The length of the network that matched, and its value.
    pub(crate) value: Option<(u8, &'t V)>,
    /// The prefix length, from 0 to 32 for IPv4, to 128 for IPv6.
    pub(crate) prefix: u8,
}

impl<V> NetworkTable<V> {
    /// A table of these networks; of two that are the same, the later one stays.
    pub(crate) fn new(networks: impl IntoIterator<Item = (IpNet, V)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut values = Vec::new();
        for (index, (network, value)) in (0u32..).zip(networks) {
            match network {
                IpNet::V4(net) => v4.push(Network {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    index,
                }),
                IpNet::V6(net) => v6.push(Network {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    index,
                }),
            }
            values.push((network.prefix_len(), value));
        }
        NetworkTable {
            v4: Stretches::new(v4),
            v6: Stretches::new(v6),
            values,
        }
    }

    pub(crate) fn lookup(&self, address: IpAddr) -> Found<'_, V> {
        let (index, prefix) = match address {
            IpAddr::V4(v4) => self.v4.lookup(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.lookup(v6.to_bits()),
        };
        let value = self.values.get(index as usize);
        Found {
            value: value.map(|(length, value)| (*length, value)),
            prefix,
        }
    }
}

/// All addresses of a family, cut at each border of a network: 2n + 1 stretches for n networks at
/// most.
#[derive(Debug, PartialEq)]
struct Stretches<A> {
    /// The first address of each stretch but the first one, which begins at 0.
    starts: Vec<A>,
    /// Which network each stretch is of.
    networks: Vec<u32>,
}

/// A stretch that is of no network.
const NOBODYS: u32 = u32::MAX;

/// A network, as its first and last address.
#[derive(Clone, Copy)]
struct Network<A> {
    first: A,
    last: A,
    index: u32,
}

/// The addresses of a family.
trait Bits: Copy + Ord {
    const ZERO: Self;
    fn next(self) -> Option<Self>;
    fn previous(self) -> Self;
    /// How many bits at the beginning are the same.
    fn common(self, other: Self) -> u8;
}

impl Bits for u32 {
    const ZERO: u32 = 0;

    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }

    fn previous(self) -> u32 {
        self.wrapping_sub(1)
    }

    fn common(self, other: u32) -> u8 {
        (self ^ other).leading_zeros() as u8
    }
}

impl Bits for u128 {
    const ZERO: u128 = 0;

    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }

    fn previous(self) -> u128 {
        self.wrapping_sub(1)
    }

    fn common(self, other: u128) -> u8 {
        (self ^ other).leading_zeros() as u8
    }
}

impl<A: Bits> Stretches<A> {
    fn new(mut networks: Vec<Network<A>>) -> Self {
        // A network comes before those inside it, and of those that are the same the last one last.
        networks.sort_by(|a, b| (a.first, b.last, a.index).cmp(&(b.first, a.last, b.index)));
        let mut stretches = Stretches {
            starts: Vec::new(),
            networks: vec![NOBODYS],
        };
        // The networks that the one before lies in, itself included.
        let mut around: Vec<Network<A>> = Vec::new();
        for network in networks {
            stretches.leave(&mut around, |left| left.last < network.first);
            stretches.cut(network.first, network.index);
            around.push(network);
        }
        stretches.leave(&mut around, |_| true);
        stretches
    }

    /// Goes out of networks: behind each one, the one around it goes on.
    fn leave(&mut self, around: &mut Vec<Network<A>>, done: impl Fn(&Network<A>) -> bool) {
        while let Some(left) = around.pop_if(|network| done(network)) {
            let outer = around.last().map_or(NOBODYS, |network| network.index);
            if let Some(behind) = left.last.next() {
                self.cut(behind, outer);
            }
        }
    }

    /// From here on it is of this network.
    fn cut(&mut self, from: A, network: u32) {
        let last = self.starts.last().copied().unwrap_or(A::ZERO);
        if last == from {
            if let Some(here) = self.networks.last_mut() {
                *here = network;
            }
            return;
        }
        self.starts.push(from);
        self.networks.push(network);
    }

    /// The network of the stretch that an address is in, and the length of the longest prefix
    /// around the address that lies in the stretch.
    fn lookup(&self, address: A) -> (u32, u8) {
        let at = self.starts.partition_point(|&start| start <= address);
        // It may have neither what is before the stretch in it, nor what is behind.
        let before = at.checked_sub(1).and_then(|at| self.starts.get(at));
        let before = before.map_or(0, |start| address.common(start.previous()) + 1);
        let behind = self.starts.get(at);
        let behind = behind.map_or(0, |start| address.common(*start) + 1);
        let network = self.networks.get(at).copied().unwrap_or(NOBODYS);
        (network, before.max(behind))
    }
}

#[cfg(test)]
mod tests;
