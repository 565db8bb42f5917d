//! A request, read.

use crate::{Edns, Question};

/// The fixed part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// ID.
    pub id: u16,
    /// OPCODE.
    pub opcode: u8,
    /// RD, which is sent back.
    pub recursion_desired: bool,
    /// CD, which is sent back (RFC 4035 section 3.1.6).
    pub checking_disabled: bool,
}

/// A message that is not a response.
#[derive(Clone, Debug)]
pub struct Request<'m> {
    /// The fixed part.
    pub header: Header,
    /// The rest, or why it cannot be read.
    pub body: Result<Body<'m>, Unreadable<'m>>,
}

/// What a request with the opcode QUERY holds.
#[derive(Clone, Debug)]
pub struct Body<'m> {
    /// The one question (RFC 9619).
    pub question: Question<'m>,
    /// The OPT record, if it has one.
    pub edns: Option<Edns<'m>>,
}

/// A request that is answered with an error.
#[derive(Clone, Debug)]
pub struct Unreadable<'m> {
    /// FORMERR, NOTIMP or BADVERS.
    pub rcode: u16,
    /// The question as it came, if it could be read.
    pub question: Option<Question<'m>>,
    /// OPT, if it could be read: who sends it gets it (RFC 6891 section 6.1.1).
    pub edns: Option<Edns<'m>>,
}
