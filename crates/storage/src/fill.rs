//! A body on its way into the store.

use bytes::Bytes;

use crate::{Body, Stored};

/// A response that is arriving. Dropped without [`Fill::commit`], it leaves nothing behind and
/// its followers see [`crate::ReadError::Abandoned`].
#[derive(Debug)]
pub struct Fill {}

impl Fill {
    /// What followers read: the same head, and the body as it arrives.
    pub fn stored(&self) -> Stored {
        todo!()
    }

    /// The body as it arrives.
    pub fn body(&self) -> Body {
        todo!()
    }

    /// Whether the response will be stored when committed, as far as is known now.
    pub fn is_kept(&self) -> bool {
        todo!()
    }

    /// Appends a chunk. Waits for readers only once the response will not be kept.
    ///
    /// # Errors
    /// [`FillError::TooLong`] if more comes than was stated; [`FillError::NoReaders`] if the
    /// response will not be kept and nobody reads it.
    pub async fn write(&mut self, _chunk: Bytes) -> Result<(), FillError> {
        todo!()
    }

    /// Declares the body whole, and stores it if it is kept.
    ///
    /// # Errors
    /// [`FillError::TooShort`] if less came than was stated: nothing is stored.
    pub fn commit(self) -> Result<(), FillError> {
        todo!()
    }
}

/// Why a fill cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillError {
    /// More bytes than the stated length.
    TooLong,
    /// Fewer bytes than the stated length.
    TooShort,
    /// Not kept, and nobody reads it.
    NoReaders,
}
