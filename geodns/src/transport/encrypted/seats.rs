//! How many connections there are, in all and of each client.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts connections. No larger than their number.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    most_per_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_client: HashMap<u128, usize>,
}

/// One connection's. Dropped, it is free.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    client: u128,
}

impl Seats {
    pub(super) fn new(most: usize, most_per_client: usize) -> Self {
        Seats {
            most,
            most_per_client,
            taken: Mutex::default(),
        }
    }

    /// A seat, if there is one for this client.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let client = client(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return None;
        }
        let count = taken.by_client.entry(client).or_default();
        if *count >= self.most_per_client {
            return None;
        }
        *count += 1;
        taken.all += 1;
        Some(Seat {
            seats: Arc::clone(self),
            client,
        })
    }

    /// Whether more than half of them are taken: who comes must then show first that they are there.
    pub(super) fn are_scarce(&self) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all > self.most / 2
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let taken = self.seats.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(count) = taken.by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

/// An IPv4 address, or an IPv6 network of 64 bits: what one client has.
fn client(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX) | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_as_many_as_it_may_and_all_together() {
        let seats = Arc::new(Seats::new(3, 2));
        let first = seats.take(address("192.0.2.1")).unwrap();
        let _second = seats.take(address("::ffff:192.0.2.1")).unwrap();
        assert!(seats.take(address("192.0.2.1")).is_none());
        assert!(seats.are_scarce());
        let third = seats.take(address("2001:db8::1")).unwrap();
        assert!(seats.take(address("192.0.2.9")).is_none(), "all are taken");
        drop(third);
        drop(first);
        assert!(!seats.are_scarce());
        assert!(seats.take(address("192.0.2.1")).is_some());
    }

    #[test]
    fn a_client_of_ipv6_is_a_network() {
        let seats = Arc::new(Seats::new(10, 1));
        let _first = seats.take(address("2001:db8:0:1::1")).unwrap();
        assert!(seats.take(address("2001:db8:0:1:ffff::2")).is_none());
        assert!(seats.take(address("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let seats = Arc::new(Seats::new(10, 1));
        drop(seats.take(address("192.0.2.1")));
        assert!(seats.taken.lock().unwrap().by_client.is_empty());
    }
}
