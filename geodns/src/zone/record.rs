//! One record on its way into the zone, and where it came from.

use std::fmt;

use perigee_dns_wire::Name;

/// A record, in wire form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) rtype: u16,
    pub(super) ttl: u32,
    /// Names in it written out and in lower case.
    pub(super) rdata: Vec<u8>,
    pub(super) from: Source,
}

/// Where something in the zone was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// It follows from other tables: name servers, services, SOA.
    #[default]
    Own,
    /// The name of an entry in the list of records, which stands at this place, counted from 0.
    Name(usize),
    /// The type of such an entry.
    Type(usize),
    /// One of the data of such an entry.
    Data(usize, usize),
    /// The name of a service, at this place among them.
    Service(usize),
    /// In the zone file, on this line and in this column, counted from 1.
    File(usize, usize),
}

/// Why a zone cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    /// What is wrong, where, and what to do.
    pub what: String,
    /// Where it was written.
    pub from: Source,
    /// The zone file, if it is there.
    pub file: Option<String>,
}

impl ZoneError {
    pub(super) fn new(from: Source, what: impl Into<String>) -> Self {
        ZoneError {
            what: what.into(),
            from,
            file: None,
        }
    }
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Source::Own | Source::Service(_) => {}
            Source::Name(place) | Source::Type(place) | Source::Data(place, _) => {
                write!(f, "entry {} of dns.records: ", place + 1)?;
            }
            Source::File(line, column) => {
                let file = self.file.as_deref().unwrap_or("the zone file");
                write!(f, "{file}:{line}:{column}: ")?;
            }
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ZoneError {}
