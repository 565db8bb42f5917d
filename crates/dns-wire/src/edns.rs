//! What a request says in its OPT record (RFC 6891).

use std::net::IpAddr;

/// The OPT record of a request. Options that are not known are passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edns<'m> {
    /// The largest response over UDP that the sender takes, as it said; below 512 means 512.
    pub udp_payload: u16,
    /// 0 is the one version that there is.
    pub version: u8,
    /// DNSSEC records are wanted (DO, RFC 3225).
    pub dnssec_ok: bool,
    /// NXDOMAIN may be said with a compact denial (CO, RFC 9824 section 5.1).
    pub compact_ok: bool,
    /// The client's network (RFC 7871).
    pub subnet: Option<ClientSubnet>,
    /// Cookies (RFC 7873).
    pub cookie: Option<Cookie<'m>>,
    /// The name of the server is wanted (RFC 5001).
    pub nsid: bool,
    /// It wants to know how long a TCP connection may be idle (RFC 7828).
    pub tcp_keepalive: bool,
    /// The query was padded (RFC 7830): over an encrypted transport, so is the response.
    pub padding: bool,
}

/// EDNS Client Subnet (RFC 7871): the octets behind the prefix are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    /// The address, cut to the prefix.
    pub address: IpAddr,
    /// SOURCE PREFIX-LENGTH; 0 means that nothing may be used of the client.
    pub source: u8,
}

/// The option COOKIE of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie<'m> {
    /// The client's part.
    pub client: [u8; 8],
    /// The server's part, if the client has one: 8 to 32 octets.
    pub server: Option<&'m [u8]>,
}
