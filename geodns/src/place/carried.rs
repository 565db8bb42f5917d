//! IPv4 addresses that IPv6 addresses carry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The prefixes under which an IPv6 address carries an IPv4 address, and at which bit that begins:
/// IPv4-mapped (RFC 4291), NAT64 and stateless translation (RFC 6052), 6to4 (RFC 3056). In a Teredo
/// address (RFC 4380) the client's own comes last and is veiled: that is looked up as any other.
const CARRIERS: [(u128, u8, u8); 3] = [
    (0xffff << 32, 96, 96),
    (0x0064_ff9b << 96, 96, 96),
    (0x2002 << 112, 16, 16),
];

/// An address as it is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) address: IpAddr,
    /// How many bits stand before it: to be added to the length of each prefix that is found.
    pub(super) before: u8,
    /// The least length of a prefix that keeps clear of the carriers' prefixes, as other things are
    /// found there.
    pub(super) least: u8,
}

/// What is to be looked up for an address.
pub(super) fn carried(address: IpAddr) -> Carried {
    let IpAddr::V6(v6) = address else {
        return plain(address, 0);
    };
    let bits = v6.to_bits();
    let mut least = 0;
    for (prefix, length, at) in CARRIERS {
        let common = (bits ^ prefix).leading_zeros() as u8;
        if common >= length {
            return Carried {
                address: IpAddr::V4(Ipv4Addr::from_bits((bits << at >> 96) as u32)),
                before: at,
                least: 0,
            };
        }
        least = least.max(common + 1);
    }
    plain(IpAddr::V6(Ipv6Addr::from_bits(bits)), least)
}

fn plain(address: IpAddr, least: u8) -> Carried {
    Carried {
        address,
        before: 0,
        least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Carried {
        carried(address.parse().unwrap())
    }

    #[test]
    fn what_carries_an_ipv4_address() {
        for (address, before) in [
            ("::ffff:192.0.2.1", 96),
            ("64:ff9b::192.0.2.1", 96),
            ("2002:c000:201:1::1", 16),
        ] {
            let found = of(address);
            assert_eq!(found.address.to_string(), "192.0.2.1", "{address}");
            assert_eq!((found.before, found.least), (before, 0), "{address}");
        }
        assert_eq!(of("192.0.2.1"), plain("192.0.2.1".parse().unwrap(), 0));
    }

    #[test]
    fn others_keep_clear_of_them() {
        // 2001::/16 and 2002::/16 part at bit 15.
        assert_eq!(of("2001:db8::1"), plain("2001:db8::1".parse().unwrap(), 15));
        assert_eq!(of("2003::1").least, 16);
        assert_eq!(of("::1").least, 81);
        assert_eq!(of("f000::").least, 1);
    }
}
