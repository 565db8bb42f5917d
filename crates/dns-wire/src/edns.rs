//! What a request says in its OPT record (RFC 6891).

use crate::{
    ClientSubnet,
    cursor::{Cursor, Malformed},
    option,
};

/// DNSSEC answers OK (RFC 3225), among the flags.
pub(crate) const DO: u16 = 0x8000;
/// Compact answers OK (RFC 9824 section 9.2).
pub(crate) const CO: u16 = 0x4000;

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

/// The option COOKIE of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie<'m> {
    /// The client's part.
    pub client: [u8; 8],
    /// The server's part, if the client has one: 8 to 32 octets.
    pub server: Option<&'m [u8]>,
}

impl<'m> Edns<'m> {
    /// Of the fixed part of the record: what stands for class and TTL.
    pub(crate) fn new(class: u16, ttl: [u8; 4]) -> Self {
        let [_extended_rcode, version, high, low] = ttl;
        let flags = u16::from_be_bytes([high, low]);
        Edns {
            udp_payload: class,
            version,
            dnssec_ok: flags & DO != 0,
            compact_ok: flags & CO != 0,
            ..Edns::default()
        }
    }

    /// Takes in the options. What an option of another version means is not known.
    pub(crate) fn read_options(&mut self, data: &'m [u8]) -> Result<(), Malformed> {
        if self.version != 0 {
            return Ok(());
        }
        let mut options = Cursor(data);
        while !options.0.is_empty() {
            let (code, length) = (options.u16()?, options.u16()?);
            self.read_option(code, options.take(usize::from(length))?)?;
        }
        Ok(())
    }

    fn read_option(&mut self, code: u16, data: &'m [u8]) -> Result<(), Malformed> {
        match code {
            option::CLIENT_SUBNET => {
                let subnet = ClientSubnet::read(data)?;
                if self.subnet.replace(subnet).is_some() {
                    return Err(Malformed);
                }
            }
            // RFC 7873 section 5.2: of several, the first one counts.
            option::COOKIE => {
                let cookie = Cookie::read(data)?;
                self.cookie.get_or_insert(cookie);
            }
            // RFC 5001 section 2.2: what a query says there is ignored. So it is in keepalive.
            option::NSID => self.nsid = true,
            option::TCP_KEEPALIVE => self.tcp_keepalive = true,
            option::PADDING => self.padding = true,
            _ => {}
        }
        Ok(())
    }
}

impl<'m> Cookie<'m> {
    /// RFC 7873 section 5.2.2: 8 octets, or 16 to 40.
    fn read(data: &'m [u8]) -> Result<Self, Malformed> {
        let (client, server) = data.split_first_chunk().ok_or(Malformed)?;
        let server = match server.len() {
            0 => None,
            8..=32 => Some(server),
            _ => return Err(Malformed),
        };
        Ok(Cookie {
            client: *client,
            server,
        })
    }
}
