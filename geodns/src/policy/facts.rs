//! What is known of one client, looked up when it is asked for.

use std::net::IpAddr;

use super::client::{Client, masked};
use crate::{
    place::{Located, Measured, NetworkTable, Region},
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

    /// Where it is, and who knows that.
    pub(crate) fn place(&mut self) -> Located {
        let located = self.located();
        self.holds_for(located.prefix);
        located
    }

    /// The region that it is in.
    pub(crate) fn region(&mut self) -> Region {
        let located = self.located();
        self.holds_for(located.region_prefix);
        located.region
    }

    /// The number of its autonomous system.
    pub(crate) fn asn(&mut self) -> Option<u32> {
        let located = self.located();
        self.holds_for(located.asn_prefix);
        located.asn
    }

    /// The round-trip times that were measured for it.
    pub(crate) fn latencies(&mut self) -> Measured<'s> {
        // What is written goes before what edges have measured.
        let (written, told) = (self.snapshot.places.latencies(), &self.snapshot.measured);
        let both = |address| written.lookup(address).or(told.lookup(address));
        let measured = self.address.map(both);
        let measured = measured.unwrap_or(Measured::NONE);
        self.holds_for(measured.prefix);
        measured
    }

    /// Whether it is within one of these networks.
    pub(super) fn is_within(&mut self, table: &NetworkTable<()>) -> bool {
        let Some(address) = self.address else {
            return false;
        };
        let found = table.lookup(address);
        self.holds_for(found.prefix);
        found.value.is_some()
    }

    /// Its network, as long as all that was asked so far holds for, and at least this long.
    pub(super) fn network(&mut self, v4: u8, v6: u8) -> Option<u128> {
        let address = self.address?;
        self.holds_for(if address.is_ipv4() { v4 } else { v6 });
        Some(masked(address, self.scope))
    }

    /// The length of the prefix for which all holds that was asked.
    pub(crate) fn scope(&self) -> u8 {
        self.scope
    }

    fn located(&mut self) -> Located {
        let (snapshot, address) = (self.snapshot, self.address);
        *self.located.get_or_insert_with(|| match address {
            Some(address) => snapshot.places.locate(address),
            None => snapshot.places.withheld(),
        })
    }

    fn holds_for(&mut self, prefix: u8) {
        self.scope = self.scope.max(prefix);
    }
}
