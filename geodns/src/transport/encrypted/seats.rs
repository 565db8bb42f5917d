//! How many connections there are over encrypted transports, in all and of each client.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::transport::clients::{Clients, Counted};

/// Counts connections.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    most_per_client: usize,
    taken: AtomicUsize,
    clients: Clients,
}

/// One connection's. Dropped, it is free.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    _counted: Counted,
}

impl Seats {
    /// `clients` has those over TCP, too.
    pub(super) fn new(most: usize, most_per_client: usize, clients: Clients) -> Self {
        Seats {
            most,
            most_per_client,
            taken: AtomicUsize::new(0),
            clients,
        }
    }

    /// A seat, if there is one for this client.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let counted = self.clients.admit(address, self.most_per_client)?;
        let one_more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Seat {
            seats: Arc::clone(self),
            _counted: counted,
        })
    }

    /// Whether more than half of them are taken: who comes must then show first that they are there.
    pub(super) fn are_scarce(&self) -> bool {
        self.taken.load(Relaxed) > self.most / 2
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(1, Relaxed);
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
        let seats = Arc::new(Seats::new(3, 2, Clients::default()));
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
    fn connections_over_tcp_count_too() {
        let clients = Clients::default();
        let seats = Arc::new(Seats::new(10, 2, clients.clone()));
        let over_tcp = clients.admit(address("192.0.2.1"), 2).unwrap();
        let _first = seats.take(address("192.0.2.1")).unwrap();
        assert!(seats.take(address("192.0.2.1")).is_none());
        assert!(clients.admit(address("192.0.2.1"), 2).is_none());
        drop(over_tcp);
        assert!(seats.take(address("192.0.2.1")).is_some());
    }
}
