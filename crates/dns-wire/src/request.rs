//! A request, read.

use crate::{
    Edns, Question,
    cursor::{Cursor, Malformed},
    opcode, rcode, rtype,
};

/// QR: the message is a response.
const QR: u8 = 0x80;

/// Why a message is not answered at all: whoever answers these could be made to answer itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It is shorter than a header, so that there is no ID to answer to.
    Short,
    /// It is a response.
    Response,
}

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
#[derive(Clone, Copy, Debug)]
pub struct Request<'m> {
    /// The fixed part.
    pub header: Header,
    /// The one question (RFC 9619), if it could be read; there always is one without `error`.
    pub question: Option<Question<'m>>,
    /// The OPT record, if there is one that could be read: who sends it gets it (RFC 6891 section
    /// 6.1.1).
    pub edns: Option<Edns<'m>>,
    /// The code that this is answered with, and nothing else: FORMERR, NOTIMP or BADVERS; NOERROR to
    /// who asks for nothing but a cookie (RFC 7873 section 5.4).
    pub error: Option<u16>,
}

impl<'m> Request<'m> {
    /// Reads a message. Flags that are not assigned, TSIG and other records that do not belong to a
    /// query are passed over. Octets behind the last record are FORMERR: the sender and we do not
    /// mean the same message then.
    ///
    /// # Errors
    /// [`Silence`] if it must not be answered.
    pub fn read(message: &'m [u8]) -> Result<Self, Silence> {
        let (fixed, rest) = message.split_first_chunk::<12>().ok_or(Silence::Short)?;
        let [id1, id2, high, low, counts @ ..] = *fixed;
        if high & QR != 0 {
            return Err(Silence::Response);
        }
        let header = Header {
            id: u16::from_be_bytes([id1, id2]),
            opcode: high >> 3 & 0xF,
            recursion_desired: high & 1 != 0,
            checking_disabled: low & 0x10 != 0,
        };
        let mut sections = Sections::new(counts);
        let read = sections.read(Cursor(rest));
        Ok(Request {
            header,
            error: sections.error(header.opcode, read),
            question: sections.question,
            edns: sections.edns,
        })
    }
}

/// What was read so far of what comes behind the header.
struct Sections<'m> {
    questions: u16,
    /// Records of the sections answer and authority: there may be some, for IXFR or NOTIFY.
    others: u32,
    additionals: u16,
    question: Option<Question<'m>>,
    edns: Option<Edns<'m>>,
}

impl<'m> Sections<'m> {
    fn new(counts: [u8; 8]) -> Self {
        let [q1, q2, a1, a2, n1, n2, x1, x2] = counts;
        let u16 = |high, low| u16::from_be_bytes([high, low]);
        Sections {
            questions: u16(q1, q2),
            others: u32::from(u16(a1, a2)) + u32::from(u16(n1, n2)),
            additionals: u16(x1, x2),
            question: None,
            edns: None,
        }
    }

    fn error(&self, opcode: u8, read: Result<(), Malformed>) -> Option<u16> {
        let edns = self.edns.as_ref();
        match (read, self.questions) {
            _ if opcode != opcode::QUERY => Some(rcode::NOTIMP),
            (Err(Malformed), _) => Some(rcode::FORMERR),
            _ if edns.is_some_and(|edns| edns.version != 0) => Some(rcode::BADVERS),
            (_, 1) => None,
            (_, 0) if edns.is_some_and(|edns| edns.cookie.is_some()) => Some(rcode::NOERROR),
            _ => Some(rcode::FORMERR),
        }
    }

    fn read(&mut self, mut cursor: Cursor<'m>) -> Result<(), Malformed> {
        if self.questions == 1 {
            self.question = Some(Question::read(&mut cursor)?);
        } else {
            for _ in 0..self.questions {
                cursor.skip_name()?;
                cursor.take(4)?;
            }
        }
        for _ in 0..self.others {
            if record(&mut cursor)?.rtype == rtype::OPT {
                return Err(Malformed);
            }
        }
        for _ in 0..self.additionals {
            let record = record(&mut cursor)?;
            if record.rtype == rtype::OPT {
                self.opt(&record)?;
            }
        }
        cursor.0.is_empty().then_some(()).ok_or(Malformed)
    }

    /// RFC 6891 section 6.1.1: one OPT at most, and its name is the root.
    fn opt(&mut self, record: &RecordRead<'m>) -> Result<(), Malformed> {
        if self.edns.is_some() || !record.is_root {
            return Err(Malformed);
        }
        let edns = self.edns.insert(Edns::new(record.class, record.ttl));
        edns.read_options(record.data)
    }
}

/// A record, as far as it may be OPT.
struct RecordRead<'m> {
    is_root: bool,
    rtype: u16,
    class: u16,
    ttl: [u8; 4],
    data: &'m [u8],
}

fn record<'m>(cursor: &mut Cursor<'m>) -> Result<RecordRead<'m>, Malformed> {
    let is_root = cursor.skip_name()?;
    let (rtype, class, ttl) = (cursor.u16()?, cursor.u16()?, cursor.array()?);
    let length = cursor.u16()?;
    Ok(RecordRead {
        is_root,
        rtype,
        class,
        ttl,
        data: cursor.take(usize::from(length))?,
    })
}

#[cfg(test)]
mod tests;
