//! Consistent hashing with virtual nodes. Pure and immutable: nodes in, ring out.

use crate::NodeName;

/// Who owns which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {}

impl Ring {
    /// Virtual nodes per node of weight 100.
    pub const VIRTUAL_NODES: u32 = 160;

    /// A ring of nodes with weights. The order they come in does not matter.
    pub fn new<'a>(_nodes: impl IntoIterator<Item = (&'a NodeName, u32)>) -> Self {
        todo!()
    }

    /// All nodes in the order in which they own a key: the owner, then who would own it if the
    /// owner were gone, and so on; each once.
    pub fn owners(&self, _key_hash: u64) -> impl Iterator<Item = &NodeName> {
        std::iter::empty()
    }
}
