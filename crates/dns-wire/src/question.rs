//! The question of a request.

use crate::{
    LowerName,
    cursor::{Cursor, Malformed},
    name::wire_length,
};

/// A question. Its name is written out: one that is compressed is not read.
#[derive(Clone, Debug)]
pub struct Question<'m> {
    /// The octets of the section as they came, to be sent back: mixed case (0x20) too.
    pub wire: &'m [u8],
    /// The name in lower case, in wire form.
    pub name: LowerName,
    /// The type that is asked for.
    pub rtype: u16,
    /// The class.
    pub class: u16,
}

impl<'m> Question<'m> {
    /// A name that is a pointer could not be sent back: in the response it would point to something
    /// else.
    pub(crate) fn read(cursor: &mut Cursor<'m>) -> Result<Self, Malformed> {
        const TYPE_CLASS: usize = 4;
        let name = wire_length(cursor.0).ok_or(Malformed)?;
        let wire = cursor.take(name + TYPE_CLASS)?;
        let (name, rest) = wire.split_at_checked(name).ok_or(Malformed)?;
        let mut rest = Cursor(rest);
        Ok(Question {
            wire,
            name: LowerName::of(name),
            rtype: rest.u16()?,
            class: rest.u16()?,
        })
    }
}
