//! Addresses and networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::scalar::{Scalar, scalar};

/// An IP address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl Scalar for Address {
    const EXPECTED: &'static str =
        r#"an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080""#;

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Address)
            .map_err(|_| format!("{text:?} is not an address: write {}", Self::EXPECTED))
    }
}

/// Whether one machine can be reached at it: it names neither all nor several.
pub(crate) fn is_of_one(ip: IpAddr) -> bool {
    let several = match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    !several && !ip.is_unspecified()
}

/// An IPv4 address that others are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ip4(pub(crate) Ipv4Addr);

impl Scalar for Ip4 {
    const EXPECTED: &'static str = r#"an IPv4 address without a port, such as "203.0.113.10""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let ip = text
            .parse()
            .map_err(|_| format!("{text:?} is not an IPv4 address: write {}", Self::EXPECTED))?;
        if !is_of_one(IpAddr::V4(ip)) {
            return Err(nobody_at(text));
        }
        Ok(Ip4(ip))
    }
}

/// An IPv6 address that others are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ip6(pub(crate) Ipv6Addr);

impl Scalar for Ip6 {
    const EXPECTED: &'static str =
        r#"an IPv6 address without brackets and port, such as "2001:db8::10""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let ip = text
            .parse()
            .map_err(|_| format!("{text:?} is not an IPv6 address: write {}", Self::EXPECTED))?;
        if !is_of_one(IpAddr::V6(ip)) {
            return Err(nobody_at(text));
        }
        Ok(Ip6(ip))
    }
}

fn nobody_at(text: &str) -> String {
    format!("nobody can be reached at {text:?}: write the address that clients connect to")
}

/// A network in CIDR form. One without a prefix length is a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Net(pub(crate) IpNet);

impl Scalar for Net {
    const EXPECTED: &'static str = r#"a network, such as "10.1.0.0/16" or "2001:db8::/32""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let net = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("{text:?} is not a network: write {}", Self::EXPECTED))?;
        if net.trunc() != net {
            return Err(format!(
                "{text:?} has bits set beyond its prefix length: write \"{}\" for the whole network, or \"{}\" for the one address",
                net.trunc(),
                net.addr(),
            ));
        }
        Ok(Net(net))
    }
}

scalar!(Address, { "type": "string", "examples": ["127.0.0.1:8080", "[::1]:8080"] });
scalar!(Ip4, { "type": "string", "format": "ipv4" });
scalar!(Ip6, { "type": "string", "format": "ipv6" });
scalar!(Net, { "type": "string", "examples": ["10.1.0.0/16", "2001:db8::/32"] });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_whole() {
        assert!(Net::from_text("10.1.0.0/16").is_ok());
        assert!(Net::from_text("2001:db8::/32").is_ok());
        assert_eq!(
            Net::from_text("192.0.2.1").map(|n| n.0.to_string()),
            Ok("192.0.2.1/32".into())
        );
        assert!(
            Net::from_text("10.1.2.3/16")
                .unwrap_err()
                .contains("\"10.1.0.0/16\"")
        );
        assert!(Net::from_text("10.1.0.0/33").is_err());
    }

    #[test]
    fn addresses_say_what_they_expect() {
        assert_eq!(
            Address::from_text("localhost:80").unwrap_err(),
            r#""localhost:80" is not an address: write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080""#
        );
        assert!(Ip4::from_text("10.0.0.1:80").is_err());
        assert!(Ip6::from_text("[::1]").is_err());
    }

    #[test]
    fn what_is_told_is_of_one_machine() {
        for told in ["0.0.0.0", "224.0.0.1", "255.255.255.255"] {
            let said = Ip4::from_text(told).unwrap_err();
            assert!(said.contains("nobody can be reached"), "{said}");
        }
        for told in ["::", "ff02::1"] {
            let said = Ip6::from_text(told).unwrap_err();
            assert!(said.contains("nobody can be reached"), "{said}");
        }
        assert!(Ip4::from_text("127.0.0.1").is_ok() && Ip6::from_text("::1").is_ok());
    }
}
