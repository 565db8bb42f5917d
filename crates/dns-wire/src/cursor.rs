//! What is left to read of a message.

/// The message ends too early, or says what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What is left to read of a message.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'m>(pub(crate) &'m [u8]);

impl<'m> Cursor<'m> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'m [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Passes over a name, which ends with the root label or a pointer (RFC 1035 section 4.1.4);
    /// tells whether it is the root, written out.
    pub(crate) fn skip_name(&mut self) -> Result<bool, Malformed> {
        let mut is_root = true;
        loop {
            let [length] = self.array()?;
            match length {
                0 => return Ok(is_root),
                1..=63 => self.take(usize::from(length))?,
                0xC0.. => return self.take(1).map(|_| false),
                _ => return Err(Malformed),
            };
            is_root = false;
        }
    }
}
