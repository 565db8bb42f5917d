//! Who is asking.

use std::net::IpAddr;

use ipnet::IpNet;

/// Who is asking, as far as may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The network in the EDNS Client Subnet option (RFC 7871), longer than 0 bits.
    Subnet(IpNet),
    /// The source address of the query: the resolver's.
    Source(IpAddr),
    /// An EDNS Client Subnet option with a source prefix of 0: nothing may be used.
    Withheld,
}

impl Client {
    /// The address that stands for the client.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Client::Subnet(network) => Some(network.addr()),
            Client::Source(address) => Some(address.to_canonical()),
            Client::Withheld => None,
        }
    }
}

/// The bits of an address up to `prefix`, which is cut to what its family has.
pub(super) fn masked(address: IpAddr, prefix: u8) -> u128 {
    match address {
        IpAddr::V4(v4) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(prefix.min(32)));
            u128::from(v4.to_bits() & kept.unwrap_or(0))
        }
        IpAddr::V6(v6) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(prefix.min(128)));
            v6.to_bits() & kept.unwrap_or(0)
        }
    }
}
