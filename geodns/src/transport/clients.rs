//! How many connections each client has, over TCP and over encrypted transports together.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Octets of an IPv6 address that one client has: a network of 64 bits.
const IPV6_OCTETS: usize = 8;

/// Counts connections by client. No larger than the number of connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that counts. Dropped, it does no more.
#[derive(Debug)]
pub(super) struct Counted {
    clients: Clients,
    client: IpAddr,
}

impl Clients {
    /// Counts a connection of this client, unless it has so many.
    pub(super) fn admit(&self, address: IpAddr, most: usize) -> Option<Counted> {
        let client = client(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.get(&client).copied().unwrap_or(0) >= most {
            return None;
        }
        *counts.entry(client).or_default() += 1;
        let clients = self.clone();
        Some(Counted { clients, client })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let counts = self.clients.counts.lock();
        let mut counts = counts.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

/// What of an address says who it is.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[IPV6_OCTETS..].fill(0);
            Ipv6Addr::from(octets).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_no_more_than_it_may_and_others_are_not_its_matter() {
        let clients = Clients::default();
        let first = clients.admit(address("192.0.2.1"), 2).unwrap();
        let second = clients.admit(address("::ffff:192.0.2.1"), 2).unwrap();
        assert!(clients.admit(address("192.0.2.1"), 2).is_none());
        let other = clients.admit(address("192.0.2.2"), 2).unwrap();
        drop(first);
        let third = clients.admit(address("192.0.2.1"), 2).unwrap();
        assert!(clients.admit(address("192.0.2.1"), 2).is_none());
        drop((second, third, other));
        assert!(clients.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let clients = Clients::default();
        let _first = clients.admit(address("2001:db8:0:1::1"), 1).unwrap();
        assert!(clients.admit(address("2001:db8:0:1:ffff::2"), 1).is_none());
        assert!(clients.admit(address("2001:db8:0:2::1"), 1).is_some());
    }

    #[test]
    fn who_may_have_none_is_not_counted() {
        let clients = Clients::default();
        assert!(clients.admit(address("192.0.2.1"), 0).is_none());
        assert!(clients.counts.lock().unwrap().is_empty());
    }
}
