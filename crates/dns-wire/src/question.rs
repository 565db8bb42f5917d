//! The question of a request.

use crate::{
    LowerName,
    cursor::{Cursor, Malformed},
    name::wire_length,
};

/// Octets of type and class.
const TYPE_CLASS: usize = 4;

/// A question. Its name is written out: one that is compressed is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'m> {
    /// The octets of the section as they came, to be sent back: mixed case (0x20) too.
    pub wire: &'m [u8],
    /// The type that is asked for.
    pub rtype: u16,
    /// The class.
    pub class: u16,
}

impl<'m> Question<'m> {
    /// A name that is a pointer could not be sent back: in the response it would point to something
    /// else.
    pub(crate) fn read(cursor: &mut Cursor<'m>) -> Result<Self, Malformed> {
        let name = wire_length(cursor.0).ok_or(Malformed)?;
        let wire = cursor.take(name + TYPE_CLASS)?;
        let mut rest = Cursor(wire.get(name..).ok_or(Malformed)?);
        Ok(Question {
            wire,
            rtype: rest.u16()?,
            class: rest.u16()?,
        })
    }

    /// The name in wire form, in lower case: a copy, made when it is asked for.
    pub fn name(&self) -> LowerName {
        let length = self.wire.len().saturating_sub(TYPE_CLASS);
        LowerName::of(self.wire.get(..length).unwrap_or_default())
    }
}
