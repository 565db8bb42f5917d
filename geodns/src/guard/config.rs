//! What the guard needs to know.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net};

/// What is done against abuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Response rate limiting; `None`: there is none.
    pub rate_limit: Option<RateLimit>,
    /// What is done with DNS Cookies (RFC 7873).
    pub cookies: CookieUse,
    /// What cookies are made with: the first one makes them, all are good. Empty: by `derived_from`.
    pub cookie_secrets: Vec<CookieSecret>,
    /// What all nodes of the CDN have in common, to derive from it a secret for each day. Empty:
    /// what is made up at the start, so that the cookies of one node are nothing to the others.
    pub derived_from: Vec<u8>,
}

/// A secret for server cookies, as RFC 9018 section 4.4 has it.
pub type CookieSecret = [u8; 16];

/// What is done with DNS Cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieUse {
    /// The option is not known.
    Off,
    /// Who sends one gets one, and who brings a good one is not limited.
    #[default]
    Offer,
    /// The same, and over UDP who sends one is answered with BADCOOKIE until it is good.
    Require,
}

/// Limits of responses over UDP to clients of which it is not known that they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Responses a second with data of one name, to one network. Default 1000.
    pub answers: u32,
    /// Responses a second without: that a name is not there, errors. Default 250.
    pub errors: u32,
    /// Of so many responses over the limit one is sent, truncated, so that a real client comes
    /// over TCP; 0: none. Default 2.
    pub slip: u32,
    /// Who goes on above the limit stays limited until it has kept it for as long. Default 15 s.
    pub window: Duration,
    /// The length of the networks that are limited, of IPv4. Default 24.
    pub ipv4_prefix: u8,
    /// The same of IPv6, up to 64. Default 56.
    pub ipv6_prefix: u8,
    /// Networks that are not limited. Default: this machine.
    pub exempt: Vec<IpNet>,
    /// Entries of the table, 8 bytes each. When it is full, those that are least limited go.
    /// Default 131,072.
    pub table: usize,
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            rate_limit: Some(RateLimit::default()),
            cookies: CookieUse::default(),
            cookie_secrets: Vec::new(),
            derived_from: Vec::new(),
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit {
            answers: 1_000,
            errors: 250,
            slip: 2,
            window: Duration::from_secs(15),
            ipv4_prefix: 24,
            ipv6_prefix: 56,
            exempt: vec![
                IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
                IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
            ],
            table: 131_072,
        }
    }
}
