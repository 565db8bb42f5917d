//! A response, written.

mod opt;

pub use opt::ReplyOpt;

use crate::{Header, RrSet, class, rtype};

/// Octets of a header.
const HEADER: usize = 12;
/// What begins a pointer (RFC 1035 section 4.1.4).
const POINTER: u16 = 0xC000;

/// The response does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A section of a message, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// Who has authority, and denials.
    Authority,
    /// What helps, and OPT.
    Additional,
}

/// Whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'n> {
    /// The name that was asked for, in the case in which that was done.
    Question,
    /// This name, in wire form and uncompressed.
    Name(&'n [u8]),
}

/// A place in a response, to which it can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: usize,
    counts: [u16; 3],
}

/// Writes a response into a buffer that is given. Sections must be written in order. What does not
/// fit is not written at all.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    /// Records end here; what is behind is kept for OPT.
    end: usize,
    /// Octets of the question's name; 0 if there is no question.
    name: usize,
    counts: [u16; 3],
    flags: u16,
}

impl<'b> Writer<'b> {
    /// Begins a response of at most the buffer's length: header and question, whose octets are those
    /// of [`crate::Question::wire`], or none. The last `reserved` octets are kept for OPT.
    ///
    /// # Errors
    /// [`Full`] if not even these fit.
    pub fn new(
        buffer: &'b mut [u8],
        header: Header,
        question: &[u8],
        reserved: usize,
    ) -> Result<Self, Full> {
        let flags = 0x8000
            | u16::from(header.opcode) << 11
            | u16::from(header.recursion_desired) << 8
            | u16::from(header.checking_disabled) << 4;
        let mut writer = Writer {
            end: buffer.len().checked_sub(reserved).ok_or(Full)?,
            buffer,
            at: 0,
            name: question.len().saturating_sub(4),
            counts: [0; 3],
            flags,
        };
        writer.put(&header.id.to_be_bytes())?;
        writer.put(&[0; 2])?;
        writer.put(&u16::from(!question.is_empty()).to_be_bytes())?;
        writer.put(&[0; 6])?;
        writer.put(question)?;
        Ok(writer)
    }

    /// Sets AA: the answer is given with authority.
    #[inline]
    pub fn set_authoritative(&mut self) {
        self.flags |= 0x0400;
    }

    /// Sets TC: what was asked for did not fit.
    #[inline]
    pub fn set_truncated(&mut self) {
        self.flags |= 0x0200;
    }

    /// How much is written now.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            counts: self.counts,
        }
    }

    /// Takes back what was written since.
    #[inline]
    pub fn roll_back(&mut self, to: Mark) {
        self.at = to.at;
        self.counts = to.counts;
    }

    /// A record of the class IN, whose data are without compressed names.
    ///
    /// # Errors
    /// [`Full`], and then nothing of it is written.
    pub fn record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rtype: u16,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Full> {
        let mark = self.mark();
        self.try_record(section, owner, rtype, ttl, data)
            .inspect_err(|_| self.roll_back(mark))
    }

    /// All records of a set.
    ///
    /// # Errors
    /// [`Full`], and then none of them is written.
    pub fn rrset(&mut self, section: Section, owner: Owner<'_>, set: &RrSet) -> Result<(), Full> {
        let mark = self.mark();
        for data in set.rdata() {
            self.try_record(section, owner, set.rtype, set.ttl, data)
                .inspect_err(|_| self.roll_back(mark))?;
        }
        Ok(())
    }

    fn try_record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rtype: u16,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Full> {
        match owner {
            Owner::Question if self.name > 0 => self.pointer(HEADER)?,
            Owner::Question => self.put(&[0])?,
            Owner::Name(name) => self.name(name)?,
        }
        let mut fixed = [0; 10];
        fixed[..2].copy_from_slice(&rtype.to_be_bytes());
        fixed[2..4].copy_from_slice(&class::IN.to_be_bytes());
        fixed[4..8].copy_from_slice(&ttl.to_be_bytes());
        self.put(&fixed)?;
        let start = self.at;
        self.data(rtype, data)?;
        let length = u16::try_from(self.at - start).map_err(|_| Full)?;
        self.set(start - 2, length);
        let count = &mut self.counts[section as usize];
        *count = count.checked_add(1).ok_or(Full)?;
        Ok(())
    }

    /// Names are compressed in the data of those types only that everybody knows (RFC 3597 section
    /// 4).
    fn data(&mut self, rtype: u16, data: &[u8]) -> Result<(), Full> {
        match rtype {
            rtype::NS | rtype::CNAME | rtype::PTR => self.name(data),
            rtype::MX => {
                let (preference, name) = data.split_at_checked(2).ok_or(Full)?;
                self.put(preference)?;
                self.name(name)
            }
            rtype::SOA => {
                let first = crate::name::wire_length(data).ok_or(Full)?;
                let (primary, rest) = data.split_at_checked(first).ok_or(Full)?;
                let second = crate::name::wire_length(rest).ok_or(Full)?;
                let (mailbox, numbers) = rest.split_at_checked(second).ok_or(Full)?;
                self.name(primary)?;
                self.name(mailbox)?;
                self.put(numbers)
            }
            _ => self.put(data),
        }
    }

    /// A name; where it ends as the question's name does, that is pointed to.
    fn name(&mut self, name: &[u8]) -> Result<(), Full> {
        let mut at = 0;
        loop {
            match name.get(at) {
                None | Some(0) => return self.put(name),
                Some(&length) => {
                    if let Some(offset) = self.in_question(&name[at..]) {
                        self.put(&name[..at])?;
                        return self.pointer(offset);
                    }
                    at += 1 + usize::from(length);
                }
            }
        }
    }

    /// Where in the message these labels stand, if the question's name ends with them.
    fn in_question(&self, suffix: &[u8]) -> Option<usize> {
        let start = self.name.checked_sub(suffix.len())?;
        let question = self.buffer.get(HEADER..HEADER + self.name)?;
        if !question.get(start..)?.eq_ignore_ascii_case(suffix) {
            return None;
        }
        // An octet in the middle of a label may look like a length.
        let mut at = 0;
        while at < start {
            at += 1 + usize::from(*question.get(at)?);
        }
        (at == start).then_some(HEADER + start)
    }

    #[inline]
    fn pointer(&mut self, offset: usize) -> Result<(), Full> {
        let offset = u16::try_from(offset).map_err(|_| Full)?;
        self.put(&(POINTER | offset).to_be_bytes())
    }

    /// Ends the response with OPT, if there is one, and tells its length. An rcode above 15 needs OPT
    /// and is SERVFAIL without.
    pub fn finish(mut self, rcode: u16, opt: Option<&ReplyOpt<'_>>) -> usize {
        self.end = self.buffer.len();
        let rcode = match opt {
            Some(opt) if opt.write(&mut self, rcode).is_ok() => rcode & 0xF,
            _ if rcode > 0xF => crate::rcode::SERVFAIL,
            _ => rcode,
        };
        self.set(2, self.flags | rcode);
        for (at, count) in [6, 8, 10].into_iter().zip(self.counts) {
            self.set(at, count);
        }
        self.at
    }

    /// Replaces two octets that are written.
    #[inline]
    fn set(&mut self, at: usize, value: u16) {
        if let Some(octets) = self.buffer.get_mut(at..at + 2) {
            octets.copy_from_slice(&value.to_be_bytes());
        }
    }

    #[inline]
    fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        if end > self.end {
            return Err(Full);
        }
        self.buffer
            .get_mut(self.at..end)
            .ok_or(Full)?
            .copy_from_slice(octets);
        self.at = end;
        Ok(())
    }
}
