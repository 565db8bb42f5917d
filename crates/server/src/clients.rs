//! How many connections each client has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Connections by client address. An address without connections has no entry.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<IpAddr, usize>>);

/// One connection of a client, counted until dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    /// Counts one more connection of `address`, unless it has `limit` already.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<Entry> {
        let client = client(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&client).copied().unwrap_or(0);
        if count >= limit {
            return None;
        }
        counts.insert(client, count + 1);
        Some(Entry {
            clients: Arc::clone(self),
            client,
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut counts = self
            .clients
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&self.client);
            }
        }
    }
}

/// The client behind an address: IPv6 hosts get a /64 each, so that one of them cannot be as many
/// clients as it likes.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_at_most_its_limit_and_others_are_not_concerned() {
        let clients = Arc::new(Clients::default());
        let first = clients.enter(ip("192.0.2.1"), 2).unwrap();
        let _second = clients.enter(ip("192.0.2.1"), 2).unwrap();
        assert!(clients.enter(ip("::ffff:192.0.2.1"), 2).is_none());
        assert!(clients.enter(ip("192.0.2.2"), 2).is_some());
        drop(first);
        assert!(clients.enter(ip("192.0.2.1"), 2).is_some());
    }

    #[test]
    fn nothing_is_kept_of_clients_that_left() {
        let clients = Arc::new(Clients::default());
        drop((
            clients.enter(ip("192.0.2.1"), 9),
            clients.enter(ip("2001:db8::1"), 9),
        ));
        assert!(clients.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_64_of_ipv6_is_one_client() {
        let clients = Arc::new(Clients::default());
        let _one = clients.enter(ip("2001:db8:0:1::1"), 1).unwrap();
        assert!(clients.enter(ip("2001:db8:0:1:ffff::2"), 1).is_none());
        assert!(clients.enter(ip("2001:db8:0:2::1"), 1).is_some());
    }
}
