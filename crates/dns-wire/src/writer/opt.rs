//! The OPT record of a response (RFC 6891 section 6.1).

use super::{Full, Section, Writer};
use crate::{ClientSubnet, edns, option, rtype};

/// Root, type, class, TTL and length.
const FIXED: usize = 11;
/// Code and length of an option.
const OPTION: usize = 4;

/// The OPT record of a response. Its length is known before any record is written, so that there is
/// room for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyOpt<'o> {
    /// The largest message over UDP that we take.
    pub udp_payload: u16,
    /// DO comes back (RFC 3225 section 3).
    pub dnssec_ok: bool,
    /// CO comes back (RFC 9824 section 5.1).
    pub compact_ok: bool,
    /// The client's network, and the SCOPE PREFIX-LENGTH (RFC 7871 section 7.2.1).
    pub subnet: Option<(ClientSubnet, u8)>,
    /// The client's cookie, and ours (RFC 9018).
    pub cookie: Option<[u8; 24]>,
    /// How long a connection may be idle, in units of 100 ms (RFC 7828).
    pub keepalive: Option<u16>,
    /// The name of the server (RFC 5001).
    pub nsid: Option<&'o [u8]>,
    /// INFO-CODE of an extended error (RFC 8914). It is left out where there is no room.
    pub extended_error: Option<u16>,
    /// The message is padded to a multiple of so many octets (RFC 7830, RFC 8467).
    pub padding: Option<u16>,
}

impl ReplyOpt<'_> {
    /// Octets on the wire, without what may be left out: the extended error and padding.
    pub fn len(&self) -> usize {
        let option = |length: Option<usize>| length.map_or(0, |length| OPTION + length);
        FIXED
            + option(self.subnet.as_ref().map(|(subnet, _)| subnet.len()))
            + option(self.cookie.map(|_| 24))
            + option(self.keepalive.map(|_| 2))
            + option(self.nsid.map(<[u8]>::len))
    }

    /// Never: the fixed part is there at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Writes it behind the last record; all of it or nothing.
    pub(super) fn write(&self, writer: &mut Writer<'_>, rcode: u16) -> Result<(), Full> {
        let mark = writer.mark();
        self.try_write(writer, rcode)
            .inspect_err(|_| writer.roll_back(mark))
    }

    fn try_write(&self, writer: &mut Writer<'_>, rcode: u16) -> Result<(), Full> {
        writer.put(&[0])?;
        writer.put(&rtype::OPT.to_be_bytes())?;
        writer.put(&self.udp_payload.to_be_bytes())?;
        // The higher bits of the rcode, and version 0.
        writer.put(&[(rcode >> 4) as u8, 0])?;
        let dnssec = if self.dnssec_ok { edns::DO } else { 0 };
        let compact = if self.compact_ok { edns::CO } else { 0 };
        writer.put(&(dnssec | compact).to_be_bytes())?;
        writer.put(&[0; 2])?;
        let start = writer.at;
        self.options(writer)?;
        let length = u16::try_from(writer.at - start).map_err(|_| Full)?;
        writer.set(start - 2, length);
        writer.counts[Section::Additional as usize] += 1;
        Ok(())
    }

    fn options(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if let Some((subnet, scope)) = &self.subnet {
            let (octets, length) = subnet.octets();
            put_option(writer, option::CLIENT_SUBNET, 4 + length)?;
            writer.put(&subnet.family.to_be_bytes())?;
            writer.put(&[subnet.source, *scope])?;
            writer.put(&octets[..length])?;
        }
        if let Some(cookie) = &self.cookie {
            put_option(writer, option::COOKIE, cookie.len())?;
            writer.put(cookie)?;
        }
        if let Some(units) = self.keepalive {
            put_option(writer, option::TCP_KEEPALIVE, 2)?;
            writer.put(&units.to_be_bytes())?;
        }
        if let Some(name) = self.nsid {
            put_option(writer, option::NSID, name.len())?;
            writer.put(name)?;
        }
        if let Some(code) = self.extended_error
            && writer.at + OPTION + 2 <= writer.end
        {
            put_option(writer, option::EXTENDED_ERROR, 2)?;
            writer.put(&code.to_be_bytes())?;
        }
        match self.padding {
            Some(block) if block > 0 => pad(writer, usize::from(block)),
            _ => Ok(()),
        }
    }
}

fn put_option(writer: &mut Writer<'_>, code: u16, length: usize) -> Result<(), Full> {
    let length = u16::try_from(length).map_err(|_| Full)?;
    writer.put(&code.to_be_bytes())?;
    writer.put(&length.to_be_bytes())
}

/// Pads to a multiple of `block`, or as far as there is room (RFC 8467 section 4.1).
fn pad(writer: &mut Writer<'_>, block: usize) -> Result<(), Full> {
    let start = writer.at + OPTION;
    if start > writer.end {
        return Ok(());
    }
    let end = start.next_multiple_of(block).min(writer.end);
    put_option(writer, option::PADDING, end - start)?;
    if let Some(octets) = writer.buffer.get_mut(start..end) {
        octets.fill(0);
    }
    writer.at = end;
    Ok(())
}
