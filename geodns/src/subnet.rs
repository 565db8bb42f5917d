//! The EDNS Client Subnet option (RFC 7871), read from the message itself: hickory-proto's
//! decoder lets surplus octets, stray bits and a non-zero scope pass.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

const TYPE_OPT: u16 = 41;
const OPTION_CLIENT_SUBNET: u16 = 8;

/// The option is not as RFC 7871 section 6 wants it: FORMERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The client's network in a query, if it has the option.
pub(crate) fn client_subnet(message: &[u8]) -> Result<Option<IpNet>, Malformed> {
    let Some(data) = opt_data(message)? else {
        return Ok(None);
    };
    let mut options = Cursor(data);
    let mut found = None;
    while !options.0.is_empty() {
        let (code, length) = (options.u16()?, options.u16()?);
        let option = options.take(usize::from(length))?;
        if code == OPTION_CLIENT_SUBNET && found.replace(parse(option)?).is_some() {
            return Err(Malformed);
        }
    }
    Ok(found)
}

/// FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH, ADDRESS.
fn parse(option: &[u8]) -> Result<IpNet, Malformed> {
    let mut option = Cursor(option);
    let family = option.u16()?;
    let [source, scope] = option.array()?;
    let address = option.0;
    // The address has exactly the octets that the source prefix needs, and a query no scope.
    if scope != 0 || address.len() != usize::from(source).div_ceil(8) {
        return Err(Malformed);
    }
    let address = match family {
        1 => IpAddr::V4(Ipv4Addr::from(padded(address)?)),
        2 => IpAddr::V6(Ipv6Addr::from(padded(address)?)),
        _ => return Err(Malformed),
    };
    let network = IpNet::new(address, source).map_err(|_| Malformed)?;
    if network.trunc() != network {
        return Err(Malformed);
    }
    Ok(network)
}

fn padded<const N: usize>(octets: &[u8]) -> Result<[u8; N], Malformed> {
    let mut padded = [0; N];
    let start = padded.get_mut(..octets.len()).ok_or(Malformed)?;
    start.copy_from_slice(octets);
    Ok(padded)
}

/// The data of the OPT record (RFC 6891 section 6.1.2).
fn opt_data(message: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut message = Cursor(message);
    message.take(4)?;
    let questions = message.u16()?;
    let records = u32::from(message.u16()?) + u32::from(message.u16()?) + u32::from(message.u16()?);
    for _ in 0..questions {
        message.skip_name()?;
        message.take(4)?;
    }
    for _ in 0..records {
        message.skip_name()?;
        let rtype = message.u16()?;
        message.take(6)?;
        let length = message.u16()?;
        let data = message.take(usize::from(length))?;
        if rtype == TYPE_OPT {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// What is left to read.
struct Cursor<'m>(&'m [u8]);

impl<'m> Cursor<'m> {
    fn take(&mut self, length: usize) -> Result<&'m [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// A name ends with the root label or a compression pointer (RFC 1035 section 4.1.4).
    fn skip_name(&mut self) -> Result<(), Malformed> {
        loop {
            let [length] = self.array()?;
            match length {
                0 => return Ok(()),
                1..=63 => self.take(usize::from(length))?,
                0xC0.. => return self.take(1).map(|_| ()),
                _ => return Err(Malformed),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A query for the root with an OPT record that has this data.
    fn query(opt: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        message.extend([0, 0, 1, 0, 1]);
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0]);
        message.extend(u16::try_from(opt.len()).unwrap().to_be_bytes());
        message.extend(opt);
        message
    }

    fn subnet(option: &[u8]) -> Result<Option<IpNet>, Malformed> {
        let mut opt = vec![0, 8];
        opt.extend(u16::try_from(option.len()).unwrap().to_be_bytes());
        opt.extend(option);
        client_subnet(&query(&opt))
    }

    fn network(text: &str) -> Result<Option<IpNet>, Malformed> {
        Ok(Some(text.parse().unwrap()))
    }

    #[test]
    fn well_formed() {
        assert_eq!(subnet(&[0, 1, 24, 0, 192, 0, 2]), network("192.0.2.0/24"));
        assert_eq!(subnet(&[0, 1, 0, 0]), network("0.0.0.0/0"));
        assert_eq!(subnet(&[0, 1, 9, 0, 10, 128]), network("10.128.0.0/9"));
        assert_eq!(
            subnet(&[0, 2, 32, 0, 0x20, 1, 0x0d, 0xb8]),
            network("2001:db8::/32")
        );
    }

    #[test]
    fn absent() {
        assert_eq!(client_subnet(&query(&[])), Ok(None));
        assert_eq!(client_subnet(&query(&[0, 10, 0, 2, 1, 2])), Ok(None));
        assert_eq!(client_subnet(&[0; 12]), Ok(None));
    }

    #[test]
    fn malformed() {
        for option in [
            &[0, 3, 24, 0, 192, 0, 2][..],   // a family that is not assigned
            &[0, 1, 33, 0, 192, 0, 2, 0, 0], // longer than an IPv4 address
            &[0, 1, 24, 0, 192, 0],          // too few octets
            &[0, 1, 24, 0, 192, 0, 2, 0],    // too many
            &[0, 1, 23, 0, 192, 0, 3],       // a bit beyond the prefix
            &[0, 1, 24, 24, 192, 0, 2],      // a scope in a query
            &[0, 1, 24],                     // cut off
            &[],
        ] {
            assert_eq!(subnet(option), Err(Malformed), "{option:?}");
        }
        let twice = [0, 8, 0, 4, 0, 1, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0];
        assert_eq!(client_subnet(&query(&twice)), Err(Malformed));
        let beyond_the_record = [0, 10, 0, 9, 1];
        assert_eq!(client_subnet(&query(&beyond_the_record)), Err(Malformed));
    }

    proptest! {
        #[test]
        fn never_panics(message: Vec<u8>) {
            let _ = client_subnet(&message);
        }

        #[test]
        fn never_panics_within_the_option(option: Vec<u8>) {
            let _ = subnet(&option);
        }
    }
}
