//! What is known of one client, looked up when it is asked for.

use std::net::IpAddr;

use super::client::{Client, masked};
use crate::{
    place::{At, Located},
    snapshot::Snapshot,
};

/// What is known of one client. Keeps the length of the prefix for which all holds that was asked: an
/// answer that is made of nothing else holds for that prefix too (RFC 7871 section 7.2.1).
pub(crate) struct Facts<'s> {
    snapshot: &'s Snapshot,
    address: Option<IpAddr>,
    located: Option<Located>,
    scope: u8,
}

impl<'s> Facts<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot, client: Client) -> Self {
        Facts {
            snapshot,
            address: client.address(),
            located: None,
            scope: 0,
        }
    }

    /// Nothing may be known of a client that withholds itself.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Where it is.
    pub(crate) fn place(&mut self) -> Option<At> {
        let located = self.located();
        self.scope = self.scope.max(located.prefix);
        located.at
    }

    /// All that is known of where it is. Whoever uses more of it than [`Facts::place`] tells must
    /// see to the scope.
    pub(crate) fn located(&mut self) -> Located {
        let (places, address) = (&self.snapshot.places, self.address);
        *self.located.get_or_insert_with(|| match address {
            Some(address) => places.locate(address),
            None => places.withheld(),
        })
    }

    /// Its network, as long as all that was asked so far holds for, and at least this long.
    pub(super) fn network(&mut self, v4: u8, v6: u8) -> Option<u128> {
        let address = self.address?;
        let least = if address.is_ipv4() { v4 } else { v6 };
        self.scope = self.scope.max(least);
        Some(masked(address, self.scope))
    }

    /// The length of the prefix for which all holds that was asked.
    pub(crate) fn scope(&self) -> u8 {
        self.scope
    }
}
