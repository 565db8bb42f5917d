//! Bodies and their readers.

use std::{
    fmt,
    ops::Range,
    task::{Context, Poll},
};

use bytes::Bytes;

/// A stored body, whole or still arriving. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Body {}

impl Body {
    /// The complete length in bytes: known once the body is whole, or if it was stated.
    pub fn length(&self) -> Option<u64> {
        todo!()
    }

    /// Reads the body from its first byte to its last, however long it turns out to be.
    pub fn read(&self) -> Reader {
        todo!()
    }

    /// Reads these bytes of it. A range that ends past the body ends with the body.
    pub fn read_range(&self, _range: Range<u64>) -> Reader {
        todo!()
    }
}

/// Reads a body, chunk by chunk.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// The next chunk; `None` at the end.
    pub fn poll_chunk(&mut self, _cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReadError>>> {
        todo!()
    }

    /// Bytes still to come, if known.
    pub fn remaining(&self) -> Option<u64> {
        todo!()
    }
}

/// Why a body could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The fill that was followed was abandoned: the source broke off.
    Abandoned,
    /// The window of a fill that is not kept has moved past what this reader wants.
    Passed,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadError::Abandoned => "the source broke off before the body was whole",
            ReadError::Passed => "the bytes asked for are gone from the window",
        })
    }
}

impl std::error::Error for ReadError {}
