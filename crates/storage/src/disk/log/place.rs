//! Where records are, and what comes of reading them.

use std::{fmt, io};

/// Where a record begins. Places of different stores or lives of a store never verify as each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Number of the segment. A higher one is newer.
    pub(crate) segment: u64,
    /// Bytes from the segment's beginning.
    pub(crate) offset: u32,
}

/// Why bytes could not be had. None of them was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// They do not verify.
    Checksum,
    /// The disk would not give them.
    Io(io::ErrorKind),
    /// Their segment was evicted, or is not there any more. Not counted as damage.
    Gone,
}

impl From<io::Error> for Damaged {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Damaged::Gone,
            kind => Damaged::Io(kind),
        }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damaged::Checksum => f.write_str("what the disk gave is not what was written"),
            Damaged::Io(kind) => write!(f, "the disk did not give it: {kind}"),
            Damaged::Gone => f.write_str("it is not on the disk any more"),
        }
    }
}

impl std::error::Error for Damaged {}

/// Why something was not taken to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// The disk is behind, and the queue is full.
    Full,
    /// The disk cannot be written to for now.
    Unusable,
    /// It is longer than a record may be.
    TooLong,
}
