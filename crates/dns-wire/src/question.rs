//! The question of a request.

use crate::LowerName;

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
