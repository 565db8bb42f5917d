//! What people write into the zone, beside services and name servers.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;

use crate::config::{NameServer, Soa};

/// Records that are the same for everyone, and who may have a copy of the zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Records, in presentation form.
    pub records: Vec<RecordText>,
    /// A master file (RFC 1035 section 5) with more of them.
    pub zone_file: Option<PathBuf>,
    /// Whether the serial number is a time, in seconds since 1970: then that of the zone file counts
    /// too, if it is later.
    pub serial_is_time: bool,
    /// Who is told of a new serial number (RFC 1996).
    pub notify: Vec<SocketAddr>,
    /// Who may transfer the zone (RFC 5936).
    pub transfer_to: Vec<IpNet>,
}

/// Records of one name and type, as people write them (RFC 1035 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordText {
    /// The name: relative to the zone, `@` for the zone itself, or whole with a final dot.
    pub name: String,
    /// The type: `TXT`, or `TYPE65280`.
    pub rtype: String,
    /// Seconds.
    pub ttl: u32,
    /// The data of each record: `10 mail.example.`.
    pub data: Vec<String>,
}

/// What the names of a zone are made of.
#[derive(Clone, Copy, Debug)]
pub struct ZoneParts<'a> {
    /// The zone: `cdn.example`.
    pub zone: &'a str,
    /// Its SOA record.
    pub soa: &'a Soa,
    /// Its name servers.
    pub name_servers: &'a [NameServer],
    /// Whole names of services.
    pub services: &'a [&'a str],
    /// What else is in it.
    pub contents: &'a Contents,
}
