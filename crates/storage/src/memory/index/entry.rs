//! What the index knows of one key.

use crate::{
    Revision,
    memory::{heat::Heat, held::Held},
};

/// One line of the processor's cache.
#[derive(Debug)]
pub(in crate::memory) struct Entry {
    pub(super) hash: u64,
    /// The key is there, too.
    pub(in crate::memory) held: Held,
    /// Purges up to this one are not about any of them.
    pub(in crate::memory) checked: Revision,
    /// Bytes of all that hangs on this, without itself.
    pub(super) weight: u64,
    pub(super) heat: Heat,
    /// Lookups that have found it.
    pub(in crate::memory) hits: u32,
}

const _: () = assert!(size_of::<Entry>() == 64);
