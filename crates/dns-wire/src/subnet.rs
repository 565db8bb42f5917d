//! EDNS Client Subnet (RFC 7871).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cursor::{Cursor, Malformed};

/// EDNS Client Subnet (RFC 7871): the octets behind the prefix are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    /// FAMILY: 1 or 2; 0 where nothing is told, as `dig +subnet=0` does.
    pub family: u16,
    /// The address, cut to the prefix.
    pub address: IpAddr,
    /// SOURCE PREFIX-LENGTH; 0 means that nothing may be used of the client.
    pub source: u8,
}

impl ClientSubnet {
    /// FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH, ADDRESS, exactly as section 6 wants them.
    pub(crate) fn read(option: &[u8]) -> Result<Self, Malformed> {
        let mut option = Cursor(option);
        let family = option.u16()?;
        let [source, scope] = option.array()?;
        let octets = option.0;
        // The address has exactly the octets that the source prefix needs, and a query no scope.
        if scope != 0 || octets.len() != usize::from(source).div_ceil(8) {
            return Err(Malformed);
        }
        // Octets that are missing are zero, so it is enough to look at the last one.
        let beyond = 0xFF_u8.checked_shr(u32::from(source % 8)).unwrap_or(0);
        if source % 8 != 0 && octets.last().is_some_and(|last| last & beyond != 0) {
            return Err(Malformed);
        }
        let address = match family {
            0 if source == 0 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            1 => IpAddr::V4(Ipv4Addr::from(padded(octets)?)),
            2 => IpAddr::V6(Ipv6Addr::from(padded(octets)?)),
            _ => return Err(Malformed),
        };
        Ok(ClientSubnet {
            family,
            address,
            source,
        })
    }

    /// Octets of the option's data.
    pub(crate) fn len(&self) -> usize {
        4 + usize::from(self.source).div_ceil(8)
    }

    /// The octets of the address that the source prefix needs, in the first of these.
    pub(crate) fn octets(&self) -> ([u8; 16], usize) {
        let mut octets = [0; 16];
        match self.address {
            IpAddr::V4(v4) => octets[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => octets = v6.octets(),
        }
        (octets, usize::from(self.source).div_ceil(8).min(16))
    }
}

/// More octets than the family has are malformed: so is a prefix longer than its address.
fn padded<const N: usize>(octets: &[u8]) -> Result<[u8; N], Malformed> {
    let mut padded = [0; N];
    let start = padded.get_mut(..octets.len()).ok_or(Malformed)?;
    start.copy_from_slice(octets);
    Ok(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(option: &[u8]) -> Option<(String, u8)> {
        let subnet = ClientSubnet::read(option).ok()?;
        Some((subnet.address.to_string(), subnet.source))
    }

    #[test]
    fn well_formed() {
        for (option, address) in [
            (&[0, 1, 24, 0, 192, 0, 2][..], "192.0.2.0"),
            (&[0, 1, 0, 0], "0.0.0.0"),
            (&[0, 1, 9, 0, 10, 128], "10.128.0.0"),
            (&[0, 1, 32, 0, 10, 1, 2, 3], "10.1.2.3"),
            (&[0, 2, 32, 0, 0x20, 1, 0x0d, 0xb8], "2001:db8::"),
            (&[0, 2, 0, 0], "::"),
            (&[0, 0, 0, 0], "0.0.0.0"),
        ] {
            assert_eq!(subnet(option), Some((address.to_owned(), option[2])));
        }
    }

    #[test]
    fn malformed() {
        for option in [
            &[0, 3, 24, 0, 192, 0, 2][..],   // a family that is not assigned
            &[0, 0, 8, 0, 192],              // a prefix of no family
            &[0, 1, 33, 0, 192, 0, 2, 0, 0], // longer than an IPv4 address
            &[0, 1, 24, 0, 192, 0],          // too few octets
            &[0, 1, 24, 0, 192, 0, 2, 0],    // too many
            &[0, 1, 23, 0, 192, 0, 3],       // a bit beyond the prefix
            &[0, 1, 24, 24, 192, 0, 2],      // a scope in a query
            &[0, 1, 24],                     // cut off
            &[
                0, 2, 129, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0x80,
            ],
            &[],
        ] {
            assert_eq!(subnet(option), None, "{option:?}");
        }
    }
}
