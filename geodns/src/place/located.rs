//! What is known of an address, and for how much around it.

use ipnet::IpNet;

use super::{code::Region, geo::Point};

/// What is known of an address. Each part has the length of the prefix around the address for which
/// exactly this holds: 0 to 32 for IPv4, to 128 for IPv6. What is made of several parts holds for
/// the longest of their prefixes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located {
    /// Where it is, if anybody knows.
    pub at: Option<At>,
    /// Who knows that.
    pub found_by: FoundBy,
    /// The prefix for which `at` and `found_by` hold.
    pub prefix: u8,
    /// The region that the databases know for it.
    pub region: Region,
    /// The database that knows it, by its place in the configuration.
    pub region_by: Option<usize>,
    /// The prefix for which the region holds.
    pub region_prefix: u8,
    /// The number of its autonomous system.
    pub asn: Option<u32>,
    /// The database that knows it.
    pub asn_by: Option<usize>,
    /// The prefix for which that holds.
    pub asn_prefix: u8,
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// At this PoP, by its place in the configuration.
    Pop(usize),
    /// At this point.
    Point(Point),
}

/// Who knows where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// This configured network.
    Network(IpNet),
    /// The database at this place in the configuration.
    Database(usize),
    /// Nobody; what is configured for that case is taken, if anything.
    Nobody,
}

impl Located {
    /// What is known of a client that withholds its address: nothing, and the same for all.
    pub(super) fn nothing(unknown: Option<At>) -> Self {
        Located {
            at: unknown,
            found_by: FoundBy::Nobody,
            prefix: 0,
            region: Region::default(),
            region_by: None,
            region_prefix: 0,
            asn: None,
            asn_by: None,
            asn_prefix: 0,
        }
    }
}
