//! Hints of HTTPS and SVCB records (RFC 9460 section 7.3) that are what a service is answered with:
//! `ipv4hint=auto`. In the zone they are hints without an address, which no record on the wire has.

use std::net::IpAddr;

use smallvec::SmallVec;

/// Key of `ipv4hint`.
pub(super) const IPV4_HINT: u16 = 4;
/// Key of `ipv6hint`.
pub(super) const IPV6_HINT: u16 = 6;

/// Room for the data of one record, mostly.
pub(crate) type Filled = SmallVec<[u8; 256]>;

/// Whether data of such a record have hints to be filled in.
pub(super) fn are_open(data: &[u8]) -> bool {
    let mut rest = parameters(data).unwrap_or_default();
    while let Some((key, value, behind)) = next(rest) {
        if is_open(key, value) {
            return true;
        }
        rest = behind;
    }
    false
}

/// The data with these addresses as hints; a hint of which there is no address is left out.
pub(crate) fn fill(data: &[u8], v4: &[IpAddr], v6: &[IpAddr]) -> Filled {
    let mut filled = Filled::new();
    let mut rest = parameters(data).unwrap_or_default();
    filled.extend_from_slice(&data[..data.len() - rest.len()]);
    while let Some((key, value, behind)) = next(rest) {
        let is_open = is_open(key, value);
        match (is_open, key) {
            (true, IPV4_HINT) => addresses(&mut filled, key, v4),
            (true, _) => addresses(&mut filled, key, v6),
            (false, _) => filled.extend_from_slice(&rest[..rest.len() - behind.len()]),
        }
        rest = behind;
    }
    filled
}

fn is_open(key: u16, value: &[u8]) -> bool {
    value.is_empty() && matches!(key, IPV4_HINT | IPV6_HINT)
}

/// What is behind priority and target.
fn parameters(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data.get(2..)?;
    loop {
        let (&length, behind) = rest.split_first()?;
        rest = behind.get(usize::from(length)..)?;
        if length == 0 {
            return Some(rest);
        }
    }
}

/// Key and value of the first parameter, and what is behind it.
fn next(parameters: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (key, rest) = parameters.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, behind) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((u16::from_be_bytes(*key), value, behind))
}

fn addresses(filled: &mut Filled, key: u16, addresses: &[IpAddr]) {
    if addresses.is_empty() {
        return;
    }
    let each = if key == IPV4_HINT { 4 } else { 16 };
    filled.extend_from_slice(&key.to_be_bytes());
    filled.extend_from_slice(&((addresses.len() * each) as u16).to_be_bytes());
    for address in addresses {
        match address {
            IpAddr::V4(v4) => filled.extend_from_slice(&v4.octets()),
            IpAddr::V6(v6) => filled.extend_from_slice(&v6.octets()),
        }
    }
}
