//! A response, written.

use crate::{Header, rtype};

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

/// Writes a response into a buffer that is given. Sections must be written in order. What does not
/// fit is not written at all, record by record.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
}

impl<'b> Writer<'b> {
    /// Begins a response of at most the buffer's length: header and question.
    ///
    /// # Errors
    /// [`Full`] if not even these fit.
    pub fn new(buffer: &'b mut [u8], header: Header, question: &[u8]) -> Result<Self, Full> {
        let mut writer = Writer { buffer, at: 0 };
        writer.put(&header.id.to_be_bytes())?;
        let flags = 0x8000
            | u16::from(header.opcode) << 11
            | u16::from(header.recursion_desired) << 8
            | u16::from(header.checking_disabled) << 4;
        writer.put(&flags.to_be_bytes())?;
        writer.put(&u16::from(!question.is_empty()).to_be_bytes())?;
        writer.put(&[0; 6])?;
        writer.put(question)?;
        Ok(writer)
    }

    /// Octets written.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing is written: never, after [`Writer::new`].
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// The type of an OPT record, for those who write one.
    pub const OPT: u16 = rtype::OPT;

    fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        self.buffer
            .get_mut(self.at..end)
            .ok_or(Full)?
            .copy_from_slice(octets);
        self.at = end;
        Ok(())
    }
}
