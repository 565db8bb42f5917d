//! What an answer was: for metrics, the query log, and limits on responses.

use perigee_dns_wire::Name;

/// What an answer was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'s> {
    pub(crate) rcode: u16,
    /// The type that was asked for; `None` if the question could not be read.
    pub(crate) rtype: Option<u16>,
    /// The name in the zone that answered: the service, the wildcard, the delegation.
    pub(crate) name: Option<&'s Name>,
    /// The PoP whose edges are answered, as its place in the snapshot.
    pub(crate) pop: Option<usize>,
    /// The prefix length of the client's network for which this holds (RFC 7871); 0 if it is the
    /// same for everyone.
    pub(crate) scope: u8,
    /// AA.
    pub(crate) authoritative: bool,
    /// TC.
    pub(crate) truncated: bool,
    /// An extended error that helps to understand the code (RFC 8914).
    pub(crate) extended_error: Option<u16>,
}
