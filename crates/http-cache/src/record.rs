//! A stored head as bytes, for a store that outlives the process.
//!
//! What is parsed of a head is written down with it, so that to read it back costs no parsing:
//! every look at what is on disk pays for it. Only the entity tag is found anew, for it is a field.

mod coded;
mod fields;

pub use coded::{Coded, Input};

use std::fmt;

use http::StatusCode;

use crate::{StoredHead, etag::EntityTag, freshness::Basis};

/// The first byte. What has another one was written by another version of this codec.
const VERSION: u8 = 1;

/// Why bytes are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHead {
    /// They were written by another version, of this number.
    Version(u8),
    /// They are cut off, or damaged.
    Malformed,
}

impl StoredHead {
    /// Appends the head as bytes, all that a later decision depends on.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // Named one by one: a field that is added must be thought of here.
        let StoredHead {
            status,
            headers,
            length,
            received,
            date,
            initial_age,
            lifetime,
            lifetime_by,
            always_validate,
            immutable,
            never_stale,
            stale_if_error,
            stale_while_revalidate,
            selecting,
            search,
            labels,
            etag: _,
            last_modified,
            part,
        } = self;
        out.push(VERSION);
        status.as_u16().encode(out);
        length.encode(out);
        received.encode(out);
        date.encode(out);
        initial_age.encode(out);
        lifetime.encode(out);
        lifetime_by.encode(out);
        always_validate.encode(out);
        immutable.encode(out);
        never_stale.encode(out);
        stale_if_error.encode(out);
        stale_while_revalidate.encode(out);
        selecting.encode(out);
        search.encode(out);
        labels.encode(out);
        last_modified.encode(out);
        part.encode(out);
        fields::encode(headers, out);
    }

    /// Reads a head back. Its fields share one copy of their part of `bytes`.
    ///
    /// # Errors
    /// If that is not, from its first byte to its last, what [`StoredHead::encode`] has written.
    pub fn decode(bytes: &[u8]) -> Result<StoredHead, NoHead> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => whole(Input::new(rest)).ok_or(NoHead::Malformed),
            Some((&other, _)) => Err(NoHead::Version(other)),
            None => Err(NoHead::Malformed),
        }
    }
}

/// In the order in which they were written.
fn whole(mut input: Input<'_>) -> Option<StoredHead> {
    let input = &mut input;
    let status = StatusCode::from_u16(u16::decode(input)?).ok()?;
    Some(StoredHead {
        status,
        length: Coded::decode(input)?,
        received: Coded::decode(input)?,
        date: Coded::decode(input)?,
        initial_age: Coded::decode(input)?,
        lifetime: Coded::decode(input)?,
        lifetime_by: Basis::decode(input)?,
        always_validate: Coded::decode(input)?,
        immutable: Coded::decode(input)?,
        never_stale: Coded::decode(input)?,
        stale_if_error: Coded::decode(input)?,
        stale_while_revalidate: Coded::decode(input)?,
        selecting: Coded::decode(input)?,
        search: Coded::decode(input)?,
        labels: Coded::decode(input)?,
        last_modified: Coded::decode(input)?,
        part: Coded::decode(input)?,
        etag: None,
        headers: fields::decode(input)?.into(),
    })
    .map(|head| StoredHead {
        etag: EntityTag::of(&head.headers),
        ..head
    })
}

impl fmt::Display for NoHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoHead::Version(version) => write!(f, "a head of the unknown version {version}"),
            NoHead::Malformed => f.write_str("a malformed head"),
        }
    }
}

impl std::error::Error for NoHead {}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests;
