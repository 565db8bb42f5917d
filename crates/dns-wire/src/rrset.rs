//! Records of one name and type, as they are sent.

/// Records of one name, type and TTL, without the name: made when a zone is made, sent as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RrSet {
    /// The type.
    pub rtype: u16,
    /// Seconds for which the records may be kept.
    pub ttl: u32,
    /// The data of each record: names written out and in lower case, in canonical order, each once
    /// (RFC 4034 sections 6.2 and 6.3).
    rdata: Vec<Box<[u8]>>,
}

impl RrSet {
    /// Of these data, in whatever order.
    pub fn new(rtype: u16, ttl: u32, rdata: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut rdata: Vec<Box<[u8]>> = rdata.into_iter().map(Into::into).collect();
        rdata.sort();
        rdata.dedup();
        RrSet { rtype, ttl, rdata }
    }

    /// The data of each record.
    pub fn rdata(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.rdata.iter().map(AsRef::as_ref)
    }
}
